import type { Case, Variant } from '../case.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

const inTurn: Variant = { name: 'in turn', site: labSite, load: wrk({ paths: [IN_TURN] }) }

const byAddress: Variant = { name: 'by address', site: labSite, load: wrk({ paths: ['/'] }) }

// Sticky by cookie comes here: a variant whose site has an upstream with that affinity (a field of Upstream in peer.ts,
// which every peer then puts in its own words), and whose load sends the cookie in its `headers`.

export const sticky: Case = {
  name: 'sticky',
  title: 'Sticky sessions against none',
  peers: ['limpet', 'nginx', 'haproxy'],
  metrics: ['cpu', 'requests', 'p50', 'p99', 'memory', 'busy'],
  variants: [inTurn, byAddress],
}
