import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning } from '../../process-tree.ts'
import { type Launch, Program, versionOf } from '../../program.ts'
import type { Contender, Running, Setup } from '../contender.ts'

/** How long the users of a server that is replaced may stay there, in ms. */
const DRAIN = 2000
/** How long to try to delete a server, in ms. */
const DELETE_WITHIN = 3000
/** Servers that are added at run time can only have a cookie that HAProxy derives from their address. */
const KEY = 'the key of dynamic cookies'
/** How its servers are checked. */
const CHECK = 'check inter 500ms fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down'

/** HAProxy with its own cookie, configured as in its manual, and with all retries that it supports. */
export const haproxyCookie: Contender = {
  name: 'haproxy',
  title: 'HAProxy, `cookie`',
  stopSignal: 'SIGUSR1',
  version: () => versionOf('haproxy', ['-v']),
  prepare: launch,
  operations: {
    change: (running) => reload(running, { ...running.setup, withOther: true }),
    add: addServer,
    drain: (running, server) => ask(running, `set server app/${server} state drain`),
    upgrade: (running) => reload(running, running.setup),
    async replace(running, server, successor) {
      await addServer(running, successor)
      await ask(running, `set server app/${server} state drain`)
      await delay(DRAIN)
      await ask(running, `set server app/${server} state maint`)
      // Refused until its last connection has ended. In maintenance it gets no request in any case.
      const deadline = performance.now() + DELETE_WITHIN
      while (!(await answerTo(running, `del server app/${server}`)).includes('Server deleted')) {
        if (performance.now() > deadline) return
        await delay(50)
      }
    },
  },
}

async function launch(setup: Setup): Promise<Launch> {
  const file = join(setup.folder, 'haproxy.cfg')
  await writeFile(file, config(setup))
  return { command: 'haproxy', args: ['-db', '-f', file] }
}

/** A new process takes the listening sockets of the old one, which ends after its connections. */
async function reload(running: Running, setup: Setup): Promise<void> {
  const { command, args } = await launch(setup)
  const taking = ['-x', socketOf(setup), '-sf', String(running.pid)]
  const before = running.pid
  const started = Program.start({ command, args: [...args, ...taking] }, [], join(setup.folder, 'output.log'))
  running.pid = started.pid
  running.setup = setup
  while (isRunning(before)) {
    if (!isRunning(started.pid)) throw new Error(`it ended at its start: ${started.lastOutput}`)
    await delay(10)
  }
}

async function addServer(running: Running, { name, address }: { name: string; address: string }): Promise<void> {
  await answerTo(running, `add server app/${name} ${address} ${CHECK}`)
  await ask(running, `enable health app/${name}`)
  await ask(running, `enable server app/${name}`)
}

/** A command that answers nothing if it succeeds. */
async function ask(running: Running, command: string): Promise<void> {
  const answer = (await answerTo(running, command)).trim()
  if (answer !== '') throw new Error(`${command}: ${answer}`)
}

function answerTo({ setup }: Running, command: string): Promise<string> {
  return text(connect(socketOf(setup)).end(`${command}\n`))
}

function socketOf({ folder }: Setup): string {
  return join(folder, 'admin.sock')
}

function config(setup: Setup): string {
  const { port, servers, withOther = false } = setup
  return `
global
  stats socket ${socketOf(setup)} level admin expose-fd listeners
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
${withOther ? '  use_backend other if { path_beg /other/ }' : ''}
  default_backend app
backend app
  balance roundrobin
  cookie SRV insert indirect nocache dynamic
  dynamic-cookie-key ${KEY}
  default-server ${CHECK}
${servers.map(({ name, address }) => `  server ${name} ${address} cookie ${name}`).join('\n')}
${withOther ? `backend other\n  server other ${servers[0]!.address}` : ''}
`
}
