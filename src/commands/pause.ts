import { Command } from 'commander'
import type { Pause } from '../admin/answers.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask } from './change.ts'
import { someTime } from './duration-argument.ts'
import { printJson } from './json.ts'
import { parseUpstream, pathOfUpstream } from './server-argument.ts'
import { spanUntil } from './span.ts'

interface PauseOptions extends AdminOptions {
  readonly max: string
}

/** `limpet pause`: lets the requests of an upstream wait. */
export function pauseCommand(): Command {
  const command = new Command('pause')
    .summary('let the requests of an upstream wait')
    .description(
      'Lets new requests of an upstream wait in its queue until limpet resume, or until the time given is over. What the queue has no room for gets 503 with Retry-After. Requests in flight and WebSockets go on.',
    )
    .argument('<upstream>', 'the upstream', parseUpstream)
    .option('--max <duration>', 'when the pause ends by itself', someTime, '30s')
    .action(pause)
  return withExamples(withAdminOptions(command), 'limpet pause app --max 1m && ./migrate-database; limpet resume app')
}

async function pause(upstream: string, options: PauseOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const path = `${pathOfUpstream(upstream)}/pause`
  const paused = await ask<Pause>(client, { method: 'PUT', path, body: { max: options.max }, upstream })
  if (options.json) printJson(paused)
  else console.log(`upstream ${upstream}: paused until ${paused.until} (${spanUntil(paused.until)})`)
}
