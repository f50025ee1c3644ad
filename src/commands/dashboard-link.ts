import { AdminClient } from './admin-client.ts'
import type { AdminPlace } from './admin-place.ts'

/** Signs a browser in to the dashboard, once. */
export interface DashboardLink {
  /** At the place of the admin API. */
  readonly path: string
  readonly expires: string
  readonly scope: 'read' | 'write'
}

/** Asks for one with that scope, or with all that the token of the place allows. */
export function dashboardLink(place: AdminPlace, scope?: 'read'): Promise<DashboardLink> {
  return new AdminClient(place).change('POST', '/v1/dashboard-links', { body: scope === undefined ? {} : { scope } })
}
