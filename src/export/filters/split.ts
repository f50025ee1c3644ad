import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../../config/error.ts'
import { formatShare } from '../../config/share.ts'
import type { Upstream } from '../../config/upstream.ts'
import { block, directive } from '../directive.ts'
import { pcreLiteral } from '../expression.ts'
import { when } from '../refusal.ts'
import { passTo, proxySettings } from '../upstream-settings.ts'
import type { FilterExport, Of, Standing } from './filter-export.ts'
import { isPlainName, underscored } from './response-header.ts'

type Split = Of<'split'>

/** `split_clients`, and `proxy_pass` with what it says. */
export const split: FilterExport<Split> = {
  isOnly: true,
  directives: (standing) => {
    const { upstream, maps } = choice(standing)
    const [first] = upstreamsOf(standing)
    return { shared: maps, passing: [directive('proxy_pass', passTo({ ...first!, name: upstream }))] }
  },
  problems: (standing) => [...inexpressibleKeys(standing), ...differentSettings(standing)],
}

/** The variable with the name of an upstream, and what it comes from. */
function choice({ filter: { to, by, override = [] }, word, route }: Standing<Split>) {
  const own = route.upstream!
  const variable = `$limpet_split_${word}`
  const share = `${variable}_share`
  const key = variableOf(by)
  const drawn = block(
    'split_clients',
    [key ?? '$request_id', share],
    [
      ...Object.entries(to)
        .filter(([, part]) => part > 0)
        .map(([name, part]) => directive(formatShare(part), name)),
      directive('*', own),
    ],
  )
  // A request without the key goes to the route's own upstream.
  const keyed =
    key === undefined ? [] : [block('map', [key, `${variable}_key`], [directive('default', share), directive('', own)])]
  const maps = [drawn, ...keyed]
  let upstream = key === undefined ? share : `${variable}_key`
  // What is named first counts, so that it is looked at last.
  for (const [index, place] of [...override].reverse().entries()) {
    // A plain value of a map would ignore case.
    const named = [...Object.keys(to), own].map((name) => directive(`~^${pcreLiteral(name)}$`, name))
    const next = `${variable}_${index}`
    maps.push(block('map', [variableOf(place)!, next], [directive('default', upstream), ...named]))
    upstream = next
  }
  return { upstream, maps }
}

function inexpressibleKeys({ filter: { by, override = [], only }, path, changedBefore }: Standing<Split>): Problem[] {
  const places = [...(typeof by === 'string' ? [] : [by]), ...override]
  return [
    ...when(
      by === 'cookie',
      `${path}.by`,
      'nginx gives users no cookie that keeps their part',
      'divide by request, client.address, header:NAME, cookie:NAME or query:NAME',
    ),
    ...when(
      by !== 'cookie' && places.some((place) => variableOf(place) === undefined),
      path,
      'nginx knows addresses, and headers, cookies and parameters whose names consist of letters, digits and _',
      'divide by one of these',
    ),
    ...when(
      places.some((place) => place.from === 'header' && changedBefore.includes(`request ${place.name}`)),
      path,
      'nginx looks at what the client has sent',
      'put it before the filter that changes this header',
    ),
    ...when(only === 'new', `${path}.only`, 'nginx does not store sessions', 'leave it out'),
  ]
}

function differentSettings(standing: Standing<Split>): Problem[] {
  const [first, ...others] = upstreamsOf(standing)
  const settings = (upstream: Upstream) => [proxySettings(upstream), upstream.tls === undefined]
  return when(
    others.some((each) => !isDeepStrictEqual(settings(each), settings(first!))),
    `${standing.path}.to`,
    'nginx has one set of settings for all upstreams of a location',
    'give these upstreams the same timeouts, retries and tls',
  )
}

function upstreamsOf({ filter: { to }, route, config }: Standing<Split>): Upstream[] {
  const names = [route.upstream, ...Object.keys(to)]
  return config.upstreams.filter(({ name }) => names.includes(name))
}

type Place = Exclude<Split['by'], string>

/** Undefined for what nginx does not know, and for each request by itself. */
function variableOf(place: Split['by'] | Place): string | undefined {
  if (typeof place === 'string') return undefined
  switch (place.from) {
    case 'client.address':
      return '$remote_addr'
    case 'header':
      return isPlainName(place.name) ? `$http_${underscored(place.name)}` : undefined
    case 'cookie':
      return /^\w+$/.test(place.name) ? `$cookie_${place.name}` : undefined
    case 'query':
      return /^\w+$/.test(place.name) ? `$arg_${place.name}` : undefined
    default:
      return undefined
  }
}
