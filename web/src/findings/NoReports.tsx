// What to do while no analyzer has reported.
export function NoReports({ tenant }: { tenant: string }) {
  const server = new URL('.', document.baseURI).toString().replace(/\/$/, '');
  return (
    <section className="notice" aria-label="Getting started">
      <h2>No reports yet for tenant “{tenant}”</h2>
      <p>The analyzer looks at a cluster by its kubeconfig, or from within it, and tells this server what is wrong. It only reads.</p>
      <pre tabIndex={0}><code>{`cresset-analyzer run --cluster NAME --findings-url ${server} --findings-tenant ${tenant}`}</code></pre>
      <p className="waiting" role="status"><span className="spinner" aria-hidden="true" /> Waiting for the first report…</p>
    </section>
  );
}
