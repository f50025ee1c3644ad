import { TrustedProxies } from '../forwarding/trusted-proxies.ts'
import { CookieNames } from '../http1/cookie-names.ts'
import type { Router } from '../routing/router.ts'
import type { Snapshot } from '../runtime/snapshot.ts'
import { Tracer } from './tracer.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** What a worker has built from one Snapshot. */
export class Generation {
  readonly snapshot: Snapshot
  readonly router: Router
  /** In the order of the Snapshot's upstreams. */
  readonly groups: readonly UpstreamGroup[]
  /** Undefined if no proxy is trusted. */
  readonly trustedProxies: TrustedProxies | undefined
  /** Names of Limpet's own cookies, which are not forwarded to servers. */
  readonly ownCookies: CookieNames
  /** Undefined if traces are not followed. */
  readonly tracer: Tracer | undefined

  /**
   * @param router that of the Snapshot's routes
   * @param groups those of the Snapshot's upstreams; they outlive it
   * @param before the generation that this one replaces: unchanged parts are taken from it
   */
  constructor(snapshot: Snapshot, router: Router, groups: readonly UpstreamGroup[], before?: Generation) {
    const { upstreams, trustedProxies, clientAddressFrom, dashboardCookie, tracing } = snapshot
    const last = before?.snapshot
    this.snapshot = snapshot
    this.groups = groups
    this.router = router
    const areCookiesSame =
      last?.upstreams === upstreams && last.routes === snapshot.routes && last.dashboardCookie === dashboardCookie
    this.ownCookies = areCookiesSame ? before!.ownCookies : ownCookiesOf(snapshot)
    this.tracer = tracing && new Tracer(tracing)
    const isTrustSame = last?.trustedProxies === trustedProxies && last.clientAddressFrom === clientAddressFrom
    this.trustedProxies = isTrustSame ? before!.trustedProxies : TrustedProxies.of(snapshot)
  }
}

function ownCookiesOf({ upstreams, routes, dashboardCookie }: Snapshot): CookieNames {
  const ofSessions = upstreams.flatMap(({ affinity }) =>
    affinity?.type === 'cookie' ? [affinity.name, affinity.formerName ?? []].flat() : [],
  )
  const ofSplits = routes.flatMap(({ filters = [] }) =>
    filters.flatMap((filter) => (filter.type === 'split' && filter.by === 'cookie' ? filter.cookie : [])),
  )
  return new CookieNames([...ofSessions, ...ofSplits, ...(dashboardCookie === undefined ? [] : [dashboardCookie])])
}
