// The theme: the system's, unless the person chose one; the choice is kept in the browser.
import { useSyncExternalStore } from 'react';
import type { Theme } from '../flame/palette';

export type ThemeChoice = 'system' | Theme;

const key = 'cresset.theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(key);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

let choice = readChoice();

function apply() {
  if (choice === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = choice;
  for (const listener of listeners) listener();
}

dark.addEventListener('change', apply);
apply();

export function setTheme(next: ThemeChoice) {
  choice = next;
  try {
    if (next === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  apply();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useThemeChoice = () => useSyncExternalStore(subscribe, () => choice);
export const useTheme = (): Theme =>
  useSyncExternalStore(subscribe, () => (choice === 'system' ? (dark.matches ? 'dark' : 'light') : choice));
