import { formatShare } from '../../config/share.ts'
import type { Upstream } from '../../config/upstream.ts'
import { block, type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { passTo, proxySettings } from '../upstream-settings.ts'
import { type FilterExport, internalPath, isOf, type Of, type RouteParts, type Standing } from './filter-export.ts'

type Mirror = Of<'mirror'>

/** Defaults that nginx cannot express but that are accepted; docs/nginx.md describes the difference. */
const DEFAULT_IN_FLIGHT = 100
const DEFAULT_BODY = 64_000

const ALL = 10_000

/** `mirror`, with a location that passes copies on. */
export const mirror: FilterExport<Mirror> = {
  directives: (standing) => {
    const { filter, word, config } = standing
    const upstream = config.upstreams.find(({ name }) => name === filter.to)!
    return {
      shared: filter.share === ALL ? [] : [drawing(filter.share, leftOut(word))],
      passing: [directive('mirror', internalPath(`mirror_${word}`))],
      locations: (parts) => [copyingLocation(standing, upstream, parts)],
    }
  },
  problems: ({ filter: { maxInFlight, body }, path, siblings }) => [
    ...when(
      maxInFlight !== DEFAULT_IN_FLIGHT,
      `${path}.maxInFlight`,
      'nginx has no limit on copies in flight',
      'leave it out',
    ),
    ...when(body !== DEFAULT_BODY, `${path}.body`, 'nginx copies requests with bodies of any length', 'leave it out'),
    ...when(
      siblings.some((each) => isOf(each, 'path')),
      path,
      'the copies of nginx have the path that the client has sent',
      'leave out path',
    ),
  ],
}

function copyingLocation(
  { filter: { timeout, share }, word }: Standing<Mirror>,
  upstream: Upstream,
  { passing }: RouteParts,
): Directive {
  const changed = passing.filter(({ name }) => name === 'proxy_set_header')
  return block(
    'location',
    ['=', internalPath(`mirror_${word}`)],
    [
      directive('internal'),
      ...(share === ALL ? [] : [block('if', [`(${leftOut(word)})`], [directive('return', 204)])]),
      block('if', ['($limpet_upgrade)'], [directive('return', 204)]),
      directive('proxy_pass', `${passTo(upstream)}$request_uri`),
      ...proxySettings({ ...upstream, timeouts: { ...upstream.timeouts, idle: timeout, firstByte: timeout } }).filter(
        ({ name }) => !name.startsWith('proxy_next_upstream'),
      ),
      directive('proxy_next_upstream', 'off'),
      ...changed,
      directive('proxy_set_header', 'X-Limpet-Mirror', 1),
    ],
  )
}

function leftOut(word: string): string {
  return `$limpet_unmirrored_${word}`
}

/** Draws a share of the requests; the variable is 1 for all others. */
function drawing(share: number, variable: string): Directive {
  const cases = share === 0 ? [] : [directive(formatShare(share), '')]
  return block('split_clients', ['$request_id', variable], [...cases, directive('*', 1)])
}
