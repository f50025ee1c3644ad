import type { Case } from '../case.ts'
import { hostileRequests } from '../hostile-requests.ts'
import { type OriginPlaces, twoServers } from '../origin.ts'
import type { Site } from '../peer.ts'
import { raw } from '../raw-load.ts'
import { browserHeaders } from '../request-headers.ts'
import { IN_TURN } from './lab.ts'

/** In bytes. Just below the limit of a head, so that each head is parsed and not refused for its size. */
const SIZE = 31_000

const fields = Object.entries({ Host: 'bench.test', ...browserHeaders })
const usual = `GET ${IN_TURN} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

/** Settings that make a proxy examine a request in detail: hosts, paths of several depths, and trusted proxies. */
function site(origin: OriginPlaces): Site {
  return {
    workers: 1,
    trustedProxies: ['127.0.0.0/8'],
    routes: [
      { path: '/*', upstream: 'all' },
      { path: '/a/a/a/*', upstream: 'all' },
      { host: '*.bench.test', path: '/*', upstream: 'all' },
    ],
    upstreams: [{ name: 'all', balance: 'round-robin', servers: twoServers(origin) }],
  }
}

/** The CPU cost of hostile requests of 31 kB, compared with a usual request, and with nginx for the same request. */
export const hostileCpu: Case = {
  name: 'hostile-cpu',
  title: 'Requests made to cost CPU, 31 kB each',
  peers: ['limpet', 'nginx'],
  metrics: ['cpu', 'requests', 'busy'],
  variants: [
    { name: 'a usual request', site, load: raw(usual) },
    ...hostileRequests.map(({ name, of }) => ({ name, site, load: raw(of(SIZE)) })),
  ],
}
