// What to do while a tenant has no data at all.
export function GettingStarted({ tenant }: { tenant: string }) {
  const server = new URL('.', document.baseURI).toString().replace(/\/$/, '');
  return (
    <section className="notice started" aria-label="Getting started">
      <h2>No profiles yet for tenant “{tenant}”</h2>
      <p>Start the agent on a machine, as root. It samples every process and sends its first profiles within seconds; this page shows them by itself.</p>
      <pre tabIndex={0}><code>{`cresset-agent --server ${server} --tenant ${tenant}`}</code></pre>
      <p>Or send a pprof file that you have, of a Go program for example:</p>
      <pre tabIndex={0}><code>{`curl -H 'X-Scope-OrgID: ${tenant}' --data-binary @cpu.pprof \\
  '${server}/ingest?name=my-service&format=pprof&from='$(date +%s)`}</code></pre>
      <p className="waiting" role="status"><span className="spinner" aria-hidden="true" /> Waiting for the first profile…</p>
    </section>
  );
}
