import { computed, type ReadonlySignal, signal } from '@preact/signals'

/** Which page is shown, and what of it: `#/upstreams/app?sort=latency`. */
export interface Place {
  readonly page: PageName
  /** What follows the page's name, decoded. */
  readonly rest: readonly string[]
  readonly query: URLSearchParams
}

export const pageNames = ['overview', 'upstreams', 'flow', 'requests', 'sessions', 'config'] as const
export type PageName = (typeof pageNames)[number]

const hash = signal(location.hash)
window.addEventListener('hashchange', () => {
  hash.value = location.hash
})

export const place: ReadonlySignal<Place> = computed(() => placeOf(hash.value))

function placeOf(written: string): Place {
  const [path = '', query = ''] = written.replace(/^#\/?/, '').split('?', 2)
  const [name = '', ...rest] = path.split('/').filter((part) => part !== '')
  const page = pageNames.find((one) => one === name) ?? 'overview'
  return { page, rest: rest.map(decoded), query: new URLSearchParams(query) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** A link to a page. */
export function linkTo(
  page: PageName,
  rest: readonly string[] = [],
  query: Readonly<Record<string, string>> = {},
): string {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString()
  const path = ['#', page === 'overview' ? '' : page, ...rest.map(encodeURIComponent)].join('/')
  return `${path}${parameters === '' ? '' : `?${parameters}`}`
}

export function goTo(link: string): void {
  location.hash = link
}

/** Changes the query of the present place; no new entry in the browser's history. An empty value removes it. */
export function setQuery(change: Readonly<Record<string, string>>): void {
  const { page, rest, query } = place.peek()
  history.replaceState(null, '', linkTo(page, rest, { ...Object.fromEntries(query), ...change }))
  hash.value = location.hash
}
