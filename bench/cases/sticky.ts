import type { Case, Load, Variant } from '../case.ts'
import { type OriginPlaces, twoServers } from '../origin.ts'
import type { Site } from '../peer.ts'
import { browserHeaders } from '../request-headers.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

/** The number of users. Each has a different cookie. */
const USERS = 256

const byAddress: Variant = { name: 'by address', site: labSite, load: wrk({ paths: ['/'] }) }

const inTurn: Variant = { name: 'in turn', site: labSite, load: wrk({ paths: [IN_TURN] }) }

const byCookie: Variant = { name: 'by cookie', peers: ['limpet', 'haproxy'], site: cookieSite, load: returning(USERS) }

/** The cost of sessions: by cookie, compared with by address, which does not read the request. */
export const sticky: Case = {
  name: 'sticky',
  title: 'Sticky sessions',
  peers: ['limpet', 'nginx', 'haproxy'],
  metrics: ['cpu', 'requests', 'p50', 'p99', 'memory', 'busy'],
  variants: [byAddress, inTurn, byCookie],
}

function cookieSite(origin: OriginPlaces): Site {
  return {
    workers: 1,
    routes: [{ path: '/*', upstream: 'sticky' }],
    upstreams: [{ name: 'sticky', balance: 'round-robin', affinity: 'cookie', servers: twoServers(origin) }],
  }
}

/** A load of users who return with the cookie from their first visit. */
function returning(users: number): Load {
  return {
    probe: wrk({ paths: ['/'] }).probe,
    async run(stage) {
      const cookies: string[] = []
      while (cookies.length < users) cookies.push(await firstVisit(stage.port))
      return wrk({ paths: ['/'], cookies }).run(stage)
    },
  }
}

async function firstVisit(port: number): Promise<string> {
  const { headers } = await fetch(`http://127.0.0.1:${port}/`, { headers: browserHeaders })
  const [cookie] = headers.getSetCookie()
  if (cookie === undefined) throw new Error('the proxy set no cookie')
  return cookie.split(';', 1)[0]!
}
