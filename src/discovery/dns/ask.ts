import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Message } from './message.ts'
import type { ResolverAddress } from './resolver-settings.ts'

/** What a server is asked. */
export interface Question {
  readonly bytes: Buffer
  /** Reads bytes as its answer; returns undefined for any others, and throws if it cannot be understood. */
  read(bytes: Buffer): Message | undefined
  /** Until when its answer is waited for. */
  readonly signal: AbortSignal
}

/** After so many messages that are no answer to the question, somebody is guessing. */
const MOST_STRAYS = 100
/** What TCP has before each message: its length. */
const LENGTH = 2

/** Asks by UDP, from a port that the system chooses at random. */
export function askByUdp({ host, port }: ResolverAddress, question: Question): Promise<Message> {
  const answer = new Answer(question)
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  let strays = 0
  socket.on('error', answer.fail)
  socket.on('message', (bytes) => {
    if (!answer.take(bytes) && ++strays === MOST_STRAYS) answer.fail(new Error('only answers to other questions'))
  })
  // The kernel then drops what others send, and reports a server that is not there.
  socket.connect(port, host, () => socket.send(question.bytes))
  return answer.message.finally(() => socket.close())
}

/** Asks by TCP (RFC 7766). */
export function askByTcp({ host, port }: ResolverAddress, question: Question): Promise<Message> {
  const answer = new Answer(question)
  const length = Buffer.alloc(LENGTH)
  length.writeUInt16BE(question.bytes.length)
  const socket = connect({ host, port }, () => socket.write(Buffer.concat([length, question.bytes])))
  let received: Buffer = Buffer.alloc(0)
  socket.on('error', answer.fail)
  socket.on('close', () => answer.fail(new Error('the connection was closed')))
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    if (received.length < LENGTH) return
    const end = LENGTH + received.readUInt16BE(0)
    if (received.length < end) return
    if (!answer.take(received.subarray(LENGTH, end))) answer.fail(new Error('an answer to another question'))
  })
  return answer.message.finally(() => socket.destroy())
}

/** The answer to a question that has been asked. */
class Answer {
  readonly #question: Question
  readonly #settled = Promise.withResolvers<Message>()
  readonly fail = this.#settled.reject

  constructor(question: Question) {
    this.#question = question
    const { signal } = question
    if (signal.aborted) this.#abort()
    else signal.addEventListener('abort', this.#abort, { once: true })
  }

  /** Rejects where it cannot be understood, or does not come in time. */
  get message(): Promise<Message> {
    return this.#settled.promise.finally(() => this.#question.signal.removeEventListener('abort', this.#abort))
  }

  /** Returns whether the bytes are the answer, understood or not. */
  take(bytes: Buffer): boolean {
    try {
      const message = this.#question.read(bytes)
      if (message !== undefined) this.#settled.resolve(message)
      return message !== undefined
    } catch (error) {
      this.fail(error)
      return true
    }
  }

  readonly #abort = () => this.fail(this.#question.signal.reason)
}
