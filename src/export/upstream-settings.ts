import { formatDuration } from '../config/duration.ts'
import type { Server, Upstream } from '../config/schema.ts'
import { block, type Directive, directive } from './directive.ts'

/** nginx has no word for "as often as one likes". */
export const ANY_NUMBER = 2_147_483_647

/** An upstream as nginx's block of the same name. */
export function upstreamBlock({ name, balance, servers, keepAlive }: Upstream): Directive {
  return block(
    'upstream',
    [name],
    [
      // Shared by the worker processes, so that turns and failures are counted once, as on the Scoreboard.
      directive('zone', name, `${64 + 4 * servers.length}k`),
      ...(balance.type === 'ip-hash' ? [directive('ip_hash')] : []),
      ...servers.map(serverLine),
      ...(keepAlive.connections === 0
        ? []
        : [
            // nginx counts the idle connections of all servers together.
            directive('keepalive', keepAlive.connections * servers.length),
            directive('keepalive_requests', ANY_NUMBER),
            directive('keepalive_timeout', formatDuration(keepAlive.idle)),
          ]),
    ],
  )
}

/** The settings of an upstream that nginx keeps where requests are passed on. */
export function proxySettings({ timeouts, retries }: Upstream): Directive[] {
  return [
    directive('proxy_connect_timeout', formatDuration(timeouts.connect)),
    directive('proxy_send_timeout', formatDuration(timeouts.idle)),
    directive('proxy_read_timeout', formatDuration(timeouts.firstByte)),
    directive('proxy_next_upstream_tries', retries.tries),
    directive('proxy_next_upstream_timeout', formatDuration(retries.within)),
  ]
}

function serverLine({ name, address, weight, maxFails, failTimeout, backup, down }: Server): Directive {
  return {
    ...directive(
      'server',
      address,
      ...(weight === 1 ? [] : [`weight=${weight}`]),
      `max_fails=${maxFails}`,
      `fail_timeout=${formatDuration(failTimeout)}`,
      ...(backup ? ['backup'] : []),
      ...(down ? ['down'] : []),
    ),
    comment: name === address ? undefined : name,
  }
}
