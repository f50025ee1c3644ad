import { Command } from 'commander'
import type { Upstreams } from '../admin/answers.ts'
import type { TrafficHistory } from '../admin/traffic.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { printJson } from './json.ts'

interface TopOptions extends AdminOptions {
  readonly once?: boolean
}

/** `limpet top`: the traffic and the servers as a live table. */
export function topCommand(): Command {
  const command = new Command('top')
    .summary('watch the traffic and the servers, as a live table')
    .description(
      'Shows the traffic, the upstreams, the servers and what happens, live in this terminal; ? shows the keys, which also drain a server, make it ready, and change its weight. Without a terminal, or with --once, it prints the tables once.',
    )
    .option('--once', 'print the tables once')
    .action(top)
  return withExamples(withAdminOptions(command), 'limpet top', 'limpet top --once')
}

async function top({ once, json, ...options }: TopOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb'
  if (isTerminal && !once && !json) {
    const { LiveTop } = await import('./top/live-top.ts')
    return new LiveTop(client).run()
  }
  const [history, { upstreams }] = await Promise.all([
    client.get<TrafficHistory>('/v1/traffic'),
    client.get<Upstreams>('/v1/upstreams'),
  ])
  if (json) return printJson({ traffic: history, upstreams })
  const { printed } = await import('./top/printed.ts')
  console.log(printed(history, upstreams))
}
