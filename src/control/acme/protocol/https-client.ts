import { Agent, request } from 'node:https'
import { answerTo, bodyOf } from '../../../runtime/http-answer.ts'
import { tlsMessage } from '../../../runtime/tls-message.ts'
import { Unreachable } from './problem.ts'

/** The maximum size of an answer, in bytes. A certificate with its chain has about 6 kB. */
const LARGEST = 1_000_000
/** How long an answer may take, in ms. */
const PATIENCE = 30_000

export interface Answer {
  readonly status: number
  header(name: string): string | undefined
  readonly body: string
}

/** Sends requests to an ACME server, over few connections. */
export class HttpsClient {
  readonly #agent: Agent

  /** @param ca the certificates to trust instead of the system's, as PEM */
  constructor(ca: string | undefined) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4, timeout: PATIENCE, ...(ca !== undefined && { ca }) })
  }

  /**
   * Sends a request, with a JWS as its body if there is one.
   *
   * @throws Unreachable
   */
  async send(method: 'GET' | 'HEAD' | 'POST', url: string, signal: AbortSignal, body?: string): Promise<Answer> {
    const headers = {
      'User-Agent': 'limpet',
      'Accept-Language': 'en',
      ...(body !== undefined && { 'Content-Type': 'application/jose+json', 'Content-Length': Buffer.byteLength(body) }),
    }
    const options = {
      method,
      headers,
      agent: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    }
    try {
      // A repeated JWS whose nonce was used already is refused for that, and signed again with another.
      const response = await answerTo(() => request(url, options), body)
      const header = (name: string) => {
        const value = response.headers[name]
        return typeof value === 'string' ? value : value?.join(', ')
      }
      return { status: response.statusCode!, header, body: await bodyOf(response, LARGEST) }
    } catch (error) {
      signal.throwIfAborted()
      throw new Unreachable(reasonOf(error as NodeJS.ErrnoException, url))
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}

function reasonOf({ code, name, message }: NodeJS.ErrnoException, url: string): string {
  const { host } = new URL(url)
  if (name === 'TimeoutError') return `${host} does not answer within ${PATIENCE / 1000} s`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${host} has no address (${code}); is there a DNS server?`
  if (code === 'ECONNREFUSED') return `${host} refuses connections`
  const isCertificate = /CERT|SIGNED|VERIFY|ISSUER/.test(code ?? '')
  const hint = isCertificate ? '; if the authority is your own, name the file with its certificate as ca' : ''
  return `${host} cannot be reached: ${tlsMessage(message)}${hint}`
}
