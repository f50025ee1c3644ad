import type { Case, Variant } from '../case.ts'
import { manyServers } from '../origin.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

const metrics = ['cpu', 'requests', 'p50', 'p99', 'memory', 'busy'] as const

function servers(count: number): Variant {
  return {
    name: `${count.toLocaleString('en')} servers`,
    site: (origin) => ({
      workers: 1,
      routes: [{ path: '/*', upstream: 'all' }],
      upstreams: [{ name: 'all', balance: 'round-robin', servers: manyServers(origin, count) }],
    }),
    load: wrk({ paths: [IN_TURN] }),
  }
}

function routes(count: number): Variant {
  const paths = Array.from({ length: count }, (_, index) => `/section-${index + 1}`)
  // The same number for each variant, spread over all routes.
  const asked = Array.from(
    { length: 100 },
    (_, index) => `${paths[Math.floor((index * count) / 100)]}/student-${index}`,
  )
  return {
    name: `${count.toLocaleString('en')} routes`,
    site: (origin) => ({
      ...labSite(origin),
      routes: paths.map((path, index) => ({ path: `${path}/*`, upstream: index % 2 === 0 ? 'static' : 'dynamic' })),
    }),
    load: wrk({ paths: asked }),
  }
}

function workers(count: number): Variant {
  return {
    name: count === 1 ? '1 worker' : `${count} workers`,
    site: (origin) => ({ ...labSite(origin), workers: count }),
    load: wrk({ paths: [IN_TURN] }),
  }
}

export const manyServersCase: Case = {
  name: 'servers',
  title: '1,000 servers against 2',
  peers: ['limpet', 'nginx', 'haproxy'],
  metrics,
  variants: [servers(2), servers(1000)],
}

export const manyRoutesCase: Case = {
  name: 'routes',
  title: '10,000 routes against 2',
  peers: ['limpet', 'nginx'],
  metrics,
  variants: [routes(2), routes(10_000)],
}

/** On a machine with two cores, the second worker shares its core with the load; there, compare CPU instead of requests/s. */
export const twoWorkersCase: Case = {
  name: 'workers',
  title: '2 workers against 1',
  peers: ['limpet', 'nginx', 'haproxy'],
  metrics: ['requests', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  variants: [workers(1), workers(2)],
}
