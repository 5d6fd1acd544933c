// The frame of every view: name, theme, help.
import { useEffect, useRef } from 'react';
import { NavLink, Route, Routes, useLocation } from 'react-router';
import { Compare } from './compare/Compare';
import { Explore } from './explore/Explore';
import { Ranged } from './explore/Ranged';
import { Findings } from './findings/Findings';
import { Icon, Logo } from './ui/icons';
import { Notice } from './ui/parts';
import { setTheme, type ThemeChoice, useThemeChoice } from './ui/theme';

const nextTheme: Record<ThemeChoice, ThemeChoice> = { system: 'light', light: 'dark', dark: 'system' };
const themeIcons = { system: 'system', light: 'sun', dark: 'moon' } as const;

const keys: [string, string][] = [
  ['/', 'search functions, or findings'],
  ['← ↑ ↓ →', 'move the focused frame; ↑ ↓ go through findings'],
  ['Enter', 'zoom to the focused frame'],
  ['Escape', 'zoom out; close menu or sandwich'],
  ['Backspace', 'zoom to the caller'],
  ['Shift F10', 'menu of the focused frame'],
  ['r', 'refresh'],
  ['?', 'this help'],
];

export function App() {
  const theme = useThemeChoice();
  const { search } = useLocation();
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.target as HTMLElement).closest('input, select, textarea')) return;
      if (event.key === '?') help.current?.showModal();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <header className="top">
        <h1><Logo /> Cresset</h1>
        <nav className="views" aria-label="Views">
          <NavLink to={{ pathname: '/', search }} end>Explore</NavLink>
          <NavLink to={{ pathname: '/compare', search }} title="Compare what is shown with another range or other labels">Compare</NavLink>
          <NavLink to={{ pathname: '/findings', search }} title="What is wrong in the clusters">Findings</NavLink>
        </nav>
        <span className="grow" />
        <button type="button" className="tool" title={`Theme: ${theme}`} aria-label={`Theme: ${theme}. Switch to ${nextTheme[theme]}`}
          onClick={() => setTheme(nextTheme[theme])}>
          <Icon name={themeIcons[theme]} />
        </button>
        <button type="button" className="tool" title="Help (?)" aria-label="Help" onClick={() => help.current?.showModal()}><Icon name="help" /></button>
      </header>
      <Routes>
        <Route path="/" element={<Ranged key="explore" view={Explore} />} />
        <Route path="/compare" element={<Ranged key="compare" view={Compare} />} />
        <Route path="/findings" element={<Findings />} />
        <Route path="*" element={<main><Notice title="There is no such page" kind="error"><p><a href="./">Explore profiles</a></p></Notice></main>} />
      </Routes>
      <dialog ref={help} className="help" aria-labelledby="help-title" onClick={(event) => event.target === help.current && help.current?.close()}>
        <h2 id="help-title">Keys and reading</h2>
        <dl>
          {keys.map(([key, text]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></div>)}
        </dl>
        <p>The width of a frame is its share of the total; what it calls stands below it. <b>Self</b> is time in the function itself, <b>total</b> includes what it calls. Colours follow packages; of a comparison they say how the share of the total changed, blue for less and orange for more. A right click opens the menu of a frame.</p>
        <p><a href="./notices.txt">Licences of the libraries in this page</a></p>
        <form method="dialog"><button type="submit" className="primary" autoFocus>Close</button></form>
      </dialog>
    </>
  );
}
