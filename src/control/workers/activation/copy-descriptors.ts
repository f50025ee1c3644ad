import { spawn } from 'node:child_process'
import { copierModule } from '../../../program-files.ts'

/** How long the copies may take, in ms. */
const PATIENCE = 10_000

/** Handles of copies, which nothing else keeps. They are never closed: their descriptors belong to the workers. */
const handles: unknown[] = []

/**
 * Makes another descriptor of each of these listening sockets; one that is there twice gets two. A descriptor has one
 * owner, which closes it, and Node.js itself cannot duplicate one: so another process sends them back.
 */
export async function copyDescriptors(descriptors: readonly number[]): Promise<readonly number[]> {
  if (descriptors.length === 0) return []
  const child = spawn(process.execPath, [copierModule.pathname, String(descriptors.length)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...descriptors],
    timeout: PATIENCE,
  })
  const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
  const copies: number[] = []
  child.on('message', (_, handle) => {
    handles.push(handle)
    copies.push((handle as unknown as { readonly fd: number }).fd)
    if (copies.length === descriptors.length) resolve(copies)
  })
  child.once('error', reject)
  child.once('exit', (code) =>
    reject(new Error(`listening sockets could not be duplicated: the copier ended with ${code}`)),
  )
  return promise.finally(() => {
    if (child.connected) child.disconnect()
  })
}
