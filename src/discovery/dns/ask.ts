import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Message } from './message.ts'
import type { ResolverAddress } from './resolver-settings.ts'

/** Reads bytes as the answer that is waited for; returns undefined for any others, and throws if it cannot be understood. */
type Read = (bytes: Buffer) => Message | undefined

/** After so many messages that are no answer to the question, somebody is guessing. */
const MOST_STRAYS = 100
/** What TCP has before each message: its length. */
const LENGTH = 2

/** Asks by UDP, from a port that the system chooses at random. */
export function askByUdp(
  { host, port }: ResolverAddress,
  question: Buffer,
  read: Read,
  signal: AbortSignal,
): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  let strays = 0
  socket.on('error', reject)
  socket.on('message', (bytes) => {
    try {
      const message = read(bytes)
      if (message !== undefined) resolve(message)
      else if (++strays === MOST_STRAYS) reject(new Error('only answers to other questions'))
    } catch (error) {
      reject(error)
    }
  })
  // The kernel then drops what others send, and reports a server that is not there.
  socket.connect(port, host, () => socket.send(question))
  return untilAborted(promise, reject, signal).finally(() => socket.close())
}

/** Asks by TCP (RFC 7766). */
export function askByTcp(
  { host, port }: ResolverAddress,
  question: Buffer,
  read: Read,
  signal: AbortSignal,
): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>()
  const length = Buffer.alloc(LENGTH)
  length.writeUInt16BE(question.length)
  const socket = connect({ host, port }, () => socket.write(Buffer.concat([length, question])))
  let received: Buffer = Buffer.alloc(0)
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the connection was closed')))
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    if (received.length < LENGTH) return
    const end = LENGTH + received.readUInt16BE(0)
    if (received.length < end) return
    try {
      const message = read(received.subarray(LENGTH, end))
      if (message === undefined) reject(new Error('an answer to another question'))
      else resolve(message)
    } catch (error) {
      reject(error)
    }
  })
  return untilAborted(promise, reject, signal).finally(() => socket.destroy())
}

function untilAborted<Value>(
  promise: Promise<Value>,
  reject: (reason: unknown) => void,
  signal: AbortSignal,
): Promise<Value> {
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', abort))
}
