// The frames from the root down to the zoomed one.
import { Icon } from '../ui/icons';
import { type Layout, pathTo } from './layout';

interface Props {
  layout: Layout;
  names: string[];
  focus: number;
  /** Value and share of the zoomed frame. */
  share: string;
  onFocus: (id: number) => void;
}

export function Breadcrumbs({ layout, names, focus, share, onFocus }: Props) {
  const whole = <span className="crumb-share">{share}</span>;
  // The bar stays when nothing is zoomed, so that frames do not jump away below the mouse.
  if (focus <= 0) return <nav className="breadcrumbs idle" aria-label="Zoomed frame"><span>Whole profile</span>{whole}</nav>;
  const path = pathTo(layout, focus);
  const tail = path.length > 6 ? path.slice(-4) : path.slice(1);
  return (
    <nav className="breadcrumbs" aria-label="Zoomed frame">
      <button type="button" className="reset" onClick={() => onFocus(0)}><Icon name="reset" /> Reset zoom</button>
      <ol>
        <li><button type="button" onClick={() => onFocus(0)}>total</button></li>
        {path.length > 6 && <li><span title={`${path.length - 5} frames between`}>…</span></li>}
        {tail.map((id) => (
          <li key={id}>
            {id === focus ? <span aria-current="true">{names[layout.label[id]!]}</span> : (
              <button type="button" title={names[layout.label[id]!]} onClick={() => onFocus(id)}>{names[layout.label[id]!]}</button>
            )}
          </li>
        ))}
      </ol>
      {whole}
    </nav>
  );
}
