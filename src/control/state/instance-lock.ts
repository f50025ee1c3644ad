import { once } from 'node:events'
import { rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationRefused } from '../../admin/operation-refused.ts'
import type { Log } from '../../observability/log.ts'
import { makeDirectory } from './state-directory.ts'

/** How long another Limpet may take to send its process id, in ms. */
const PATIENCE = 1000
/** How long a process waits before it tries again, in ms, if the holder does not keep its connection open. */
const RETRY = 1000
/** How many processes may wait. */
const MOST_WAITING = 64

/**
 * The right to what the state directory holds for an instance: one process has it at a time. It is a Unix socket in the
 * directory, on which the holder listens and sends its process id. The socket of a dead process refuses connections, so
 * that no stored process id is needed, which might by now be another process's, or one in another container.
 *
 * The holder is the process whose socket has the name. A process that waits is connected to the holder, and notices at
 * once when that releases the lock or dies.
 */
export class InstanceLock {
  readonly #instance: string
  readonly #directory: string
  readonly #path: string
  #server: Server | undefined
  /** Of the own socket's file. */
  #inode: number | undefined
  /** Connections of processes that wait. */
  readonly #waiting = new Set<Socket>()
  /** Ends the waits of this process. */
  #waits = new AbortController()

  constructor(instance: string, directory: string) {
    this.#instance = instance
    this.#directory = directory
    this.#path = pathOf(instance, directory)
  }

  /** Whether this process holds it. */
  get isHeld(): boolean {
    return this.#inode !== undefined && inodeOf(this.#path) === this.#inode
  }

  /**
   * Takes it if it is free.
   *
   * @returns whether this process holds it now: it does not if another holds it, or if no socket can be created
   */
  async take(): Promise<boolean> {
    if (this.isHeld) return true
    try {
      makeDirectory(dirname(this.#path))
      if (await this.#listen()) return true
      const dead = inodeOf(this.#path)
      if ((await holderOf(this.#path)) !== undefined) return false
      // Its process has died, unless another process has taken its place meanwhile.
      if (inodeOf(this.#path) === dead) rmSync(this.#path, { force: true })
      return await this.#listen()
    } catch {
      return false
    }
  }

  /**
   * Resolves if what the directory holds for the instance belongs to this process.
   *
   * @throws OperationRefused
   */
  async assertHeld(): Promise<void> {
    const another = (await this.take()) ? undefined : await this.another()
    if (another !== undefined) throw new OperationRefused('conflict', another)
  }

  /**
   * Takes it as soon as it is free: once its holder releases it or dies.
   *
   * @returns true once this process holds it; false if this process has released it before that
   */
  async whenHeld(): Promise<boolean> {
    const { signal } = this.#waits
    for (let isFree = true; ; isFree = !isFree) {
      const isHeld = await this.take()
      if (signal.aborted && isHeld) this.#close()
      if (signal.aborted || isHeld) return !signal.aborted
      // If it is free and another has taken it first, or the holder does not keep the connection open, try again later.
      if (isFree) await untilReleased(this.#path, signal)
      else await sleep(RETRY, undefined, { signal, ref: false }).catch(ignore)
    }
  }

  /** Takes it; if another Limpet holds it, warns, and takes it once that has released it. */
  async takeOrWait(log: Log): Promise<void> {
    if (await this.take()) return
    const another = await this.another()
    if (another !== undefined) log.warn(another, { event: 'instance-shared', instance: this.#instance })
    void this.whenHeld()
  }

  /** A warning that another Limpet holds it; undefined if none does. */
  another(): Promise<string | undefined> {
    return warningOfAnother(this.#instance, this.#directory)
  }

  /** Releases it, or stops waiting for it. */
  release(): void {
    this.#waits.abort()
    this.#waits = new AbortController()
    this.#close()
  }

  #close(): void {
    const server = this.#server
    // To close the server removes the file, which would be another process's if this one has lost the lock.
    if (server === undefined || !this.isHeld) return
    this.#server = this.#inode = undefined
    server.close()
    for (const socket of this.#waiting) socket.destroy()
  }

  /** Returns false if there is a socket already. */
  async #listen(): Promise<boolean> {
    const server = createServer((socket) => this.#greet(socket))
    server.maxConnections = MOST_WAITING
    try {
      server.listen(this.#path)
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
      throw error
    }
    this.#server = server.unref()
    this.#inode = inodeOf(this.#path)
    return this.isHeld
  }

  #greet(socket: Socket): void {
    this.#waiting.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#waiting.delete(socket))
    socket.unref().resume()
    socket.write(String(process.pid))
  }
}

/** A warning that another Limpet uses the state directory under the same instance name; undefined if none does. */
export async function warningOfAnother(instance: string, directory: string): Promise<string | undefined> {
  const holder = await holderOf(pathOf(instance, directory))
  if (holder === undefined) return undefined
  return (
    `another Limpet (${holder}) uses the state directory ${directory} under the same instance, ${instance}; ` +
    'unless this one is to replace it, give one of the two another instance (--instance)'
  )
}

function pathOf(instance: string, directory: string): string {
  return join(directory, `instance-${instance}.sock`)
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

/** The process that listens there, in words; undefined for none. */
function holderOf(path: string): Promise<string | undefined> {
  const socket = connect(path)
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined))
    socket.once('data', (bytes) => resolve(`process ${bytes.toString('latin1', 0, 20)}`))
    socket.once('end', () => resolve('a process that says nothing'))
    socket.setTimeout(PATIENCE, () => resolve('a process that says nothing'))
  }).finally(() => socket.destroy())
}

/** Resolves once the process that listens there closes the connection, or none does. */
async function untilReleased(path: string, signal: AbortSignal): Promise<void> {
  const socket = connect({ path, signal })
  socket.on('error', ignore)
  socket.unref().resume()
  await new Promise((resolve) => socket.once('close', resolve))
}

function ignore(): void {}
