import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { versionOf } from '../../program.ts'
import type { Contender, Setup } from '../contender.ts'

/** HAProxy with its own cookie, configured as in its manual, and with all retries that it supports. */
export const haproxyCookie: Contender = {
  name: 'haproxy',
  title: 'HAProxy, `cookie`',
  stopSignal: 'SIGUSR1',
  version: () => versionOf('haproxy', ['-v']),
  async prepare(setup) {
    const file = join(setup.folder, 'haproxy.cfg')
    await writeFile(file, config(setup))
    return { command: 'haproxy', args: ['-db', '-f', file] }
  },
}

function config({ port, servers }: Setup): string {
  return `
global
  maxconn 16384
  no strict-limits
  nbthread 2
  hard-stop-after 5s
defaults
  mode http
  http-reuse always
  retries 3
  option redispatch 1
  retry-on all-retryable-errors
  timeout connect 5s
  timeout client 75s
  timeout server 60s
frontend clients
  bind 127.0.0.1:${port}
  default_backend app
backend app
  balance roundrobin
  cookie SRV insert indirect nocache
  default-server check inter 500ms fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down
${servers.map(({ name, address }) => `  server ${name} ${address} cookie ${name}`).join('\n')}
`
}
