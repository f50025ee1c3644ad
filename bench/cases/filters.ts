// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the text is that of a configuration file
import type { Case } from '../case.ts'
import type { OriginPlaces } from '../origin.ts'
import type { Site } from '../peer.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

const headers = {
  headers: { request: { set: { 'X-Client': '${client.address}' } }, response: { set: { 'X-Served': 'yes' } } },
}
const path = { path: { pattern: '^/api/', to: '/api/' } }
/** More than any load of the bench: it is counted and never reached. */
const rateLimit = { rateLimit: { rate: '1000000/s', burst: 1_000_000, by: 'client.address' } }

const load = wrk({ paths: [IN_TURN] })

/** What the filters of a route cost, compared with a route that has none. */
export const filters: Case = {
  name: 'filters',
  title: 'Filters: small answers, 64 connections kept alive',
  peers: ['limpet'],
  metrics: ['cpu', 'requests', 'p50', 'p99', 'memory', 'busy'],
  variants: [
    { name: 'none', site: labSite, load },
    { name: 'headers', site: filtered([headers]), load },
    { name: 'headers, path and rate limit', site: filtered([headers, path, rateLimit]), load },
  ],
}

function filtered(filters: readonly object[]): (origin: OriginPlaces) => Site {
  return (origin) => {
    const site = labSite(origin)
    return { ...site, routes: site.routes.map((route) => ({ ...route, filters })) }
  }
}
