import { z } from 'zod'
import { Duration, matching } from './field.ts'
import { requestTarget } from './health.ts'

/** The schema of an upstream's `drain`: how its servers are drained, and how their sessions end. See docs/session-ends.md. */
export const Drain = z.strictObject({
  deadline: Duration.prefault('10m').describe('How long a drain may take; `then` says what follows. 0: no limit.'),
  // biome-ignore lint/suspicious/noThenProperty: nothing awaits the settings
  then: z
    .enum(['move', 'refuse', 'keep'])
    .prefault('move')
    .describe(
      'What happens at the deadline to the sessions that are left: they move to another server, get 503, or stay.',
    ),
  spread: Duration.prefault('30s').describe(
    'The time over which WebSockets and calls of gRPC that are left at the deadline are closed. 0: all at once.',
  ),
  removeAfter: Duration.prefault('0s').describe(
    'How long a server that is removed from the configuration keeps its sessions first. 0: only its requests in flight end.',
  ),
  ask: z
    .exactOptional(matching(requestTarget, 'a path such as /session-alive'))
    .describe(
      'The path at which a server that drains is asked whether a learnt session is still alive: 404 or 410 ends it. Default: none.',
    ),
  headers: z
    .boolean()
    .prefault(false)
    .describe('Whether servers may send Limpet-Session: end, and Limpet-Server: drain or ready, in their responses.'),
})
