// Small line icons, drawn for a box of 16.
const paths = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zm3.700-1.300L14.500 14.500',
  close: 'M3.500 3.500l9 9m0-9l-9 9',
  sandwich: 'M2 3.500h12M4.500 8h7M2 12.500h12',
  refresh: 'M13.500 8A5.500 5.500 0 1 1 11.700 3.900M13.500 1.500v3.500H10',
  zoomOut: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zm3.700-1.300L14.500 14.500M4.800 7h4.400',
  left: 'M10 3L5 8l5 5',
  right: 'M6 3l5 5-5 5',
  down: 'M3.500 6L8 10.500 12.500 6',
  alignLeft: 'M2 3.500h12M2 8h7M2 12.500h10',
  alignRight: 'M2 3.500h12M7 8h7M4 12.500h10',
  both: 'M2 3h12v10H2zM7 3v10',
  flame: 'M2 3h12v3H2zM2 6h7v3H2zM2 9h4v3H2z',
  table: 'M2 3h12v10H2zM2 6.500h12M2 9.700h12',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9',
  moon: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z',
  system: 'M2 3h12v8H2zM5.500 14h5M8 11v3',
  help: 'M5.800 6a2.200 2.200 0 1 1 3 2c-.6.3-.8.7-.8 1.500M8 12v.2M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13z',
  plus: 'M8 3v10M3 8h10',
  edit: 'M3 13l.6-2.800 7-7 2.200 2.200-7 7L3 13z',
  clock: 'M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM8 4.500V8l2.500 1.500',
  reset: 'M3 7l5-5 5 5M8 2v12',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  target: 'M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM8 1v3M8 12v3M1 8h3M12 8h3',
  swap: 'M3 5.500h10M10.500 3l2.500 2.500L10.500 8M13 10.500H3M5.500 8L3 10.500 5.500 13',
  download: 'M8 2v8M4.500 7L8 10.500 11.500 7M2.500 13.500h11',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={paths[name]} fill="none" stroke="currentColor" strokeWidth="1.400" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" focusable="false">
      <path
        fill="#f97316"
        d="M16 1c1 4-4 6-4 10 0 1.700 1 3 2 3.500-.3-2 .8-3.300 2-4.500.5 2.500 5 4 5 8.500 0 1-.3 1.800-.7 2.500H9.800C9.300 20 9 19 9 18c0-3 1.500-4.500 1-7-2 1.300-3.500 4-3.500 7 0 1.100.2 2.100.5 3H25c.3-.9.5-1.900.5-3C25.500 10 19 8 16 1z"
      />
      <path fill="#8a8580" d="M5 22h22l-2.500 5h-17zM14.500 27h3v4h-3z" />
    </svg>
  );
}
