import { asList, asMapping } from './as-written.ts'
import { cookieNameFor, splitCookieFor } from './instance.ts'
import type { KeyPath } from './key-path.ts'
import type { Issue } from './validate.ts'

/** The parts of a file that name cookies of Limpet's own. */
interface Written {
  readonly routes: readonly unknown[]
  readonly defaults: unknown
  readonly upstreams: Readonly<Record<string, unknown>>
}

/** If two upstreams serve the same host, each would overwrite the other's cookie of the same name, or that of a split. */
export function repeatedCookies({ routes, defaults, upstreams }: Written, instance: string): Issue[] {
  const ofSplits = splitCookies(routes, defaults, instance)
  const names = new Map<string, string>()
  return Object.entries(upstreams).flatMap(([upstream, settings]) => {
    const { affinity } = asMapping(settings)
    if (!isCookie(affinity)) return []
    const { name: written } = asMapping(affinity)
    const name = typeof written === 'string' ? written : cookieNameFor(instance, upstream)
    const first = names.get(name)
    const split = ofSplits.get(name)
    if (first === undefined) names.set(name, upstream)
    const path = ['upstreams', upstream, 'affinity', 'name']
    const message = `expected a unique cookie name, found ${JSON.stringify(name)} again`
    if (first !== undefined) {
      const hint = `to have one cookie for both, write affinity: { type: shared-cookie, with: ${first} }`
      return [{ path, message, hint, see: ['upstreams', first, 'affinity', 'name'] }]
    }
    return split === undefined ? [] : [{ path, message, hint: 'the cookie of the split has that name', see: split }]
  })
}

/** Where users are divided by a cookie, by the name of that. */
function splitCookies(routes: readonly unknown[], defaults: unknown, instance: string): ReadonlyMap<string, KeyPath> {
  const splits = (filters: unknown, path: KeyPath): KeyPath[] =>
    asList(filters).flatMap((filter, index) => {
      const { split } = asMapping(filter)
      const { by = 'cookie' } = asMapping(split)
      return split !== undefined && by === 'cookie' ? [[...path, index, 'split']] : []
    })
  const ofAll = splits(asMapping(defaults).filters, ['defaults', 'filters'])
  return new Map(
    routes.flatMap((route, index) => {
      const { upstream, filters } = asMapping(route)
      if (typeof upstream !== 'string') return []
      const [place] = [...ofAll, ...splits(filters, ['routes', index, 'filters'])]
      return place === undefined ? [] : [[splitCookieFor(instance, upstream), place] as const]
    }),
  )
}

function isCookie(affinity: unknown): boolean {
  return affinity === 'cookie' || asMapping(affinity).type === 'cookie'
}
