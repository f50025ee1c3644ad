import { type OriginPlaces, twoServers } from '../origin.ts'
import type { Site } from '../peer.ts'

/** The lab: `/` sticky by address, `/api/student` in turn, two servers each. Most cases run on it. */
export function labSite(origin: OriginPlaces): Site {
  const servers = twoServers(origin)
  return {
    workers: 1,
    routes: [
      { path: '/*', upstream: 'static' },
      { path: IN_TURN, upstream: 'dynamic' },
    ],
    upstreams: [
      { name: 'static', balance: 'ip-hash', servers },
      { name: 'dynamic', balance: 'round-robin', servers },
    ],
  }
}

/** The same site, whose clients come by TLS. */
export function secure(site: (origin: OriginPlaces) => Site): (origin: OriginPlaces) => Site {
  return (origin) => ({ ...site(origin), tls: true })
}

/** The lab over TLS, and the peers that can serve it. */
export const secureLab = { site: secure(labSite), peers: ['limpet', 'nginx', 'haproxy'] } as const

/** The path whose requests go to the servers in turn. */
export const IN_TURN = '/api/student'

/** The peers that take part in all cases. */
export const likes = ['limpet', 'nginx', 'haproxy', 'caddy', 'node-http'] as const
