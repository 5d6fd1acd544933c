import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { ApiError } from './api/client';
import { App } from './app';
import './styles.css';

// While the server is away every call is tried again, for ever and ever more slowly; what it refuses is final.
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => (error instanceof ApiError ? error.retryable : count < 1),
      retryDelay: (count) => Math.min(500 * 2 ** count, 5000),
      networkMode: 'always',
      staleTime: 5000,
      gcTime: 60_000,
      refetchOnWindowFocus: false,
    },
  },
});

const base = new URL('.', document.baseURI).pathname.replace(/\/$/, '');
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <BrowserRouter basename={base}>
        <App />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
