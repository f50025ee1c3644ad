import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { makeDirectory } from './state-directory.ts'

/** How long another Limpet has to say its process id, in ms. */
const PATIENCE = 1000

/**
 * Shows other Limpets on this machine that the state directory is in use under an instance: a Unix socket in it, on which the
 * process listens and says its id. That of a dead process refuses connections, so that nothing goes by a process id that may
 * be another's by now, or another container's.
 */
export class InstanceLock {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Undefined where another Limpet holds it, or the directory takes no sockets. */
  static async take(config: Config, directory: string): Promise<InstanceLock | undefined> {
    const path = pathOf(config, directory)
    try {
      makeDirectory(dirname(path))
      return new InstanceLock(await listen(path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await holderOf(path)) !== undefined)
        return undefined
    }
    // Its process has died.
    rmSync(path, { force: true })
    return listen(path).then(
      (server) => new InstanceLock(server),
      () => undefined,
    )
  }

  release(): void {
    this.#server.close()
  }
}

/** A warning of another Limpet that uses the state directory under the same instance; undefined where there is none. */
export async function warningOfAnother(config: Config, directory: string): Promise<string | undefined> {
  const holder = keepsState(config) ? await holderOf(pathOf(config, directory)) : undefined
  if (holder === undefined) return undefined
  return (
    `another Limpet (${holder}) uses the state directory ${directory} under the same instance, ${instanceOf(config)}; ` +
    'unless this one is to replace it, give one of the two another instance (--instance)'
  )
}

/** Whether anything is kept in the state directory. */
export function keepsState({ upstreams }: Config): boolean {
  return upstreams.some(({ affinity }) => affinity !== undefined)
}

function pathOf(config: Config, directory: string): string {
  return join(directory, `instance-${instanceOf(config)}.sock`)
}

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(String(process.pid))
  })
  server.listen(path)
  await once(server, 'listening')
  return server.unref()
}

/** Who listens there, in words; undefined for nobody. */
function holderOf(path: string): Promise<string | undefined> {
  const socket = connect(path)
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined))
    socket.once('data', (bytes) => resolve(`process ${bytes.toString('latin1', 0, 20)}`))
    socket.once('end', () => resolve('a process that says nothing'))
    socket.setTimeout(PATIENCE, () => resolve('a process that says nothing'))
  }).finally(() => socket.destroy())
}
