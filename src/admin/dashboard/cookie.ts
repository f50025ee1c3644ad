/** The name of the cookie of browsers that have signed in to the dashboard of that instance. */
export function dashboardCookieOf(instance: string): string {
  return `limpet-dashboard-${instance.replace(/[^\w.-]/g, '_')}`
}
