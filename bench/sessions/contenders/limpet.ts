import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from '../../checkout.ts'
import { SESSION_COOKIE, USER_HEADER } from '../answer.ts'
import type { Contender, Operations, Running, Setup } from '../contender.ts'

/** The secret that replicas share. */
const SECRET = 'the secret of every replica in this bench'

/** Limpet, once for each affinity. */
export const limpets: readonly Contender[] = [
  contender(
    { type: 'cookie', secrets: [SECRET] },
    {
      name: 'limpet-cookie',
      title: 'Limpet, `cookie`',
      promise: 'all-kept',
    },
  ),
  contender(
    { type: 'learn', from: [`cookie:${SESSION_COOKIE}`] },
    {
      name: 'limpet-learn',
      title: 'Limpet, `learn`',
      promise: 'all-kept',
      // A replica knows only the sessions that it has learnt itself.
      excused: ['replica'],
    },
  ),
  contender(
    { type: 'header', name: USER_HEADER },
    {
      name: 'limpet-header',
      title: 'Limpet, `header`',
      promise: 'few-moved',
    },
  ),
  contender(
    { type: 'query', name: 'user' },
    {
      name: 'limpet-query',
      title: 'Limpet, `query`',
      promise: 'few-moved',
    },
  ),
  contender(
    { type: 'path', pattern: '/rooms/:room' },
    {
      name: 'limpet-path',
      title: 'Limpet, `path`',
      promise: 'few-moved',
    },
  ),
  contender(
    { type: 'consistent-hash', key: `header:${USER_HEADER}` },
    {
      name: 'limpet-consistent-hash',
      title: 'Limpet, `consistent-hash`',
      promise: 'few-moved',
    },
  ),
  contender(
    { type: 'ip-hash' },
    {
      name: 'limpet-ip-hash',
      title: 'Limpet, `ip-hash`',
    },
  ),
]

/** How long the users of a server that is replaced may stay there. */
const DRAIN = ['--deadline', '2s', '--spread', '1s']

function contender(affinity: object, own: Pick<Contender, 'name' | 'title' | 'promise' | 'excused'>): Contender {
  const operations: Operations = {
    async change(running) {
      running.setup = { ...running.setup, withOther: true }
      await write(running.setup, affinity)
      await command(running, 'reload')
    },
    add: (running, { name, address }) => command(running, 'add', `app/${name}`, '--address', address),
    drain: (running, server) => command(running, 'drain', `app/${server}`),
    async upgrade(running) {
      running.pid = JSON.parse(await output(running, 'upgrade', '--json')).pid
    },
    replace: (running, server, { name, address }) =>
      command(running, 'replace', `app/${server}`, '--as', name, '--address', address, ...DRAIN),
  }
  return {
    ...own,
    stopSignal: 'SIGTERM',
    version: () => describe([]),
    async prepare(setup) {
      await write(setup, affinity)
      const args = [programOf(setup), 'run', '-c', fileOf(setup)]
      return { command: process.execPath, args, env: environment(setup) }
    },
    operations,
  }
}

async function command(running: Running, ...args: readonly string[]): Promise<void> {
  await output(running, ...args)
}

/** What a command prints. */
async function output({ setup }: Running, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, ...environment(setup) }
  const all = [programOf(setup), ...args, '-c', fileOf(setup)]
  const { stdout } = await promisify(execFile)(process.execPath, all, { env })
  return stdout
}

async function write(setup: Setup, affinity: object): Promise<void> {
  const { port, folder, servers, withOther = false } = setup
  const config = {
    // Replicas share it; by default it comes from the port.
    instance: 'survival',
    listeners: [{ address: '127.0.0.1', port }],
    workers: 2,
    stateDirectory: join(folder, 'state'),
    admin: { socket: join(folder, 'admin.sock') },
    routes: [...(withOther ? [{ path: '/other/*', upstream: 'other' }] : []), { path: '/*', upstream: 'app' }],
    upstreams: {
      app: { affinity, servers: servers.map((server) => ({ ...server, failTimeout: '1s' })) },
      ...(withOther && { other: { servers: [{ name: 'other', address: servers[0]!.address }] } }),
    },
    accessLog: 'off',
  }
  // JSON is YAML.
  await writeFile(fileOf(setup), JSON.stringify(config))
}

function programOf({ limpet }: Setup): string {
  return join(limpet, 'bin/limpet.js')
}

function fileOf({ folder }: Setup): string {
  return join(folder, 'limpet.yaml')
}

function environment({ limpet }: Setup): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: '', CACHE_DIRECTORY: join(limpet, '.cache') }
}
