document.getElementById('root')!.textContent = 'Cresset';
