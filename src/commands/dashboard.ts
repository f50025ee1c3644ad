import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { placeFrom } from './admin-place.ts'
import { CommandFailure } from './command-failure.ts'
import { DashboardForwarder } from './dashboard-forwarder.ts'
import { type DashboardLink, dashboardLink } from './dashboard-link.ts'
import { printJson } from './json.ts'
import { spanUntil } from './span.ts'
import { untilStopped } from './until-stopped.ts'
import { wholeNumber } from './whole-number.ts'

interface DashboardOptions extends AdminOptions {
  readonly read?: boolean
  readonly servePort: number
}

/** `limpet dashboard`: prints a link that signs a browser in. */
export function dashboardCommand(): Command {
  const command = new Command('dashboard')
    .summary('print a link that opens the dashboard in a browser')
    .description(
      'Prints a link to the dashboard that signs a browser in. It works once, within a minute; the browser then stays signed in for 12 hours. Where the admin API listens on a Unix socket, which no browser reaches, this serves the dashboard on a port of this machine until Ctrl-C.',
    )
    .option('--read', 'for looking only: the browser may change nothing')
    .option(
      '--serve-port <port>',
      'where to serve it if the admin API has a socket (default: a free port)',
      wholeNumber(0, 65_535),
      0,
    )
    .action(dashboard)
  return withExamples(withAdminOptions(command), 'limpet dashboard', 'limpet dashboard --read')
}

async function dashboard({ read, servePort: port, json, ...options }: DashboardOptions): Promise<void> {
  const place = await placeFrom(options)
  const link = await dashboardLink(place, read ? 'read' : undefined)
  const { endpoint } = place
  if (endpoint instanceof URL) return print(link, reachable(endpoint), json)
  const forwarder = await DashboardForwarder.start(endpoint.socket, port).catch((error) => {
    throw new CommandFailure(`cannot serve the dashboard on port ${port}: ${error.message}`)
  })
  const stopped = untilStopped(() => {})
  print(link, forwarder.url, json)
  if (!json) console.log('The dashboard is served here until Ctrl-C, since the admin API listens on a Unix socket.')
  await stopped
  await forwarder.close()
}

function print({ path, expires, scope }: DashboardLink, base: URL, json = false): void {
  const url = new URL(path, base).href
  if (json) return printJson({ url, expires, scope })
  const may = scope === 'read' ? 'look' : 'look and change things'
  console.log(`${url}\n\nIt works once, within ${spanUntil(expires)}. Whoever opens it may ${may}.`)
}

/** An address that browsers go to, where the API listens on all of them. */
function reachable(endpoint: URL): URL {
  const url = new URL(endpoint)
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url
}
