import { Icon } from '../components/icon.tsx'
import { linkTo, place } from '../state/place.ts'
import { pages } from './pages.ts'

export function Navigation() {
  const { page } = place.value
  return (
    <nav class="navigation" aria-label="Pages">
      <div class="staying">
        <a class="brand" href={linkTo('overview')} aria-label="Limpet">
          <Mark />
          <span>Limpet</span>
        </a>
        <ul>
          {pages.map(({ name, title, icon, key }) => (
            <li key={name}>
              <a href={linkTo(name)} aria-current={name === page ? 'page' : undefined} title={`${title} (g ${key})`}>
                <Icon name={icon} />
                <span>{title}</span>
              </a>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  )
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <path class="shell" d="M3 25C6 13 11 6 16 6s10 7 13 19z" />
      <path class="ribs" d="M16 6 11.5 25M16 6 20.5 25M16 6 6.5 25M16 6 25.5 25" />
    </svg>
  )
}
