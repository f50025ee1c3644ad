import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from '../../checkout.ts'
import type { Launch } from '../../program.ts'
import { SESSION_COOKIE, USER_HEADER } from '../answer.ts'
import type { Contender, Setup } from '../contender.ts'

/** The secret that replicas share. */
const SECRET = 'the secret of every replica in this bench'

const limpet = { stopSignal: 'SIGTERM', version: () => describe([]) } as const

/** Limpet, once for each affinity. */
export const limpets: readonly Contender[] = [
  {
    ...limpet,
    name: 'limpet-cookie',
    title: 'Limpet, `cookie`',
    promise: 'all-kept',
    prepare: (setup) => launch(setup, { type: 'cookie', secrets: [SECRET] }),
  },
  {
    ...limpet,
    name: 'limpet-learn',
    title: 'Limpet, `learn`',
    promise: 'all-kept',
    // A replica knows only the sessions that it has learnt itself.
    excused: ['replica'],
    prepare: (setup) => launch(setup, { type: 'learn', from: [`cookie:${SESSION_COOKIE}`] }),
  },
  {
    ...limpet,
    name: 'limpet-header',
    title: 'Limpet, `header`',
    promise: 'few-moved',
    prepare: (setup) => launch(setup, { type: 'header', name: USER_HEADER }),
  },
  {
    ...limpet,
    name: 'limpet-query',
    title: 'Limpet, `query`',
    promise: 'few-moved',
    prepare: (setup) => launch(setup, { type: 'query', name: 'user' }),
  },
  {
    ...limpet,
    name: 'limpet-path',
    title: 'Limpet, `path`',
    promise: 'few-moved',
    prepare: (setup) => launch(setup, { type: 'path', pattern: '/rooms/:room' }),
  },
  {
    ...limpet,
    name: 'limpet-consistent-hash',
    title: 'Limpet, `consistent-hash`',
    promise: 'few-moved',
    prepare: (setup) => launch(setup, { type: 'consistent-hash', key: `header:${USER_HEADER}` }),
  },
  {
    ...limpet,
    name: 'limpet-ip-hash',
    title: 'Limpet, `ip-hash`',
    prepare: (setup) => launch(setup, { type: 'ip-hash' }),
  },
]

async function launch({ port, folder, servers, limpet }: Setup, affinity: object): Promise<Launch> {
  const file = join(folder, 'limpet.yaml')
  const config = {
    listeners: [{ address: '127.0.0.1', port }],
    workers: 2,
    stateDirectory: join(folder, 'state'),
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { affinity, servers: servers.map((server) => ({ ...server, failTimeout: '1s' })) } },
    accessLog: 'off',
  }
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config))
  return {
    command: process.execPath,
    args: [join(limpet, 'bin/limpet.js'), 'run', '-c', file],
    env: { NODE_OPTIONS: '', CACHE_DIRECTORY: join(limpet, '.cache') },
  }
}
