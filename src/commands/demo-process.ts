import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { demoModule } from '../program-files.ts'

export type Kind = 'static' | 'dynamic' | 'chat'

/** One of the demo's servers, running in a separate process. */
export interface DemoServer {
  readonly kind: Kind
  readonly name: string
  readonly address: string
  readonly process: ChildProcess
}

/** Starts so many servers; resolves once they listen. */
export function startServers(kind: Kind, count: number, env: NodeJS.ProcessEnv = {}): Promise<DemoServer[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => start(kind, `${kind}-${index + 1}`, env)))
}

/** Starts the users of a site. */
export function startTraffic(site: string, ca: string | undefined): ChildProcess {
  return run('traffic', { SITE: site, CA: ca })
}

/** Resolves once the process has ended. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

async function start(kind: Kind, name: string, env: NodeJS.ProcessEnv): Promise<DemoServer> {
  const child = run(kind, { ...env, HOST: '127.0.0.1', PORT: '0', SERVER_NAME: name })
  const [listening] = (await Promise.race([once(child, 'message'), deathOf(child, name)])) as [{ port: number }]
  return { kind, name, address: `127.0.0.1:${listening.port}`, process: child }
}

function run(kind: Kind | 'traffic', env: NodeJS.ProcessEnv): ChildProcess {
  // In its own process group, so that Ctrl-C reaches only the balancer. It exits when its IPC channel closes.
  return fork(demoModule(kind), {
    detached: true,
    execArgv: [...process.execArgv, '--disable-sigusr1'],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

async function deathOf(child: ChildProcess, name: string): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`${name} ended with code ${code} before it listened`)
}
