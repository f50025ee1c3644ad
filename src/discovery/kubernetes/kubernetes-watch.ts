import type { KubernetesSource } from '../../config/sources/kubernetes.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import { type HttpClient, type Question, Refused, urlBelow } from '../http-client.ts'
import type { Credentials } from './kubernetes-credentials.ts'
import type { EndpointSlice, SliceEvent } from './kubernetes-slices.ts'

/** Slices that one answer lists. */
const PAGE = '500'
/** How long the API is to keep a watch, in s: some time between that and twice that, so that not all watches end together. */
const LIFE = 300
/** How much longer a watch may take to end before it counts as lost, in ms. */
const DELAY = 30_000

interface Page {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items?: readonly EndpointSlice[]
}

interface Line {
  readonly type: SliceEvent['type'] | 'BOOKMARK' | 'ERROR'
  readonly object: EndpointSlice & { readonly code?: number; readonly message?: string }
}

/**
 * The EndpointSlices of a Service in the API of Kubernetes. The library's own Watch gives no bookmarks apart from other events, ends after
 * 30 s without an event and ignores what it cannot read, so that it is its credentials only that are used.
 */
export class KubernetesWatch {
  readonly #client: HttpClient
  readonly #credentials: Credentials
  readonly #source: KubernetesSource

  constructor(client: HttpClient, credentials: Credentials, source: KubernetesSource) {
    this.#client = client
    this.#credentials = credentials
    this.#source = source
  }

  /** All slices at one version of the cluster's resources. */
  async all(signal: AbortSignal): Promise<{ readonly slices: EndpointSlice[]; readonly version: string }> {
    const slices: EndpointSlice[] = []
    let page: Page = {}
    do {
      const query = { limit: PAGE, continue: page.metadata?.continue }
      const { body } = await this.#asking((question) => this.#client.ask(this.#url(query), question), signal)
      page = parsed(body) as Page
      slices.push(...(page.items ?? []))
      if (slices.length > MAX_SERVERS) throw new Error(`the Service has more than ${MAX_SERVERS} EndpointSlices`)
    } while (page.metadata?.continue)
    const version = page.metadata?.resourceVersion
    if (version === undefined) throw new Error('its list has no resourceVersion: is this the API of Kubernetes?')
    return { slices, version }
  }

  /**
   * What happens after a version, until the API ends the watch.
   *
   * @throws Refused with 410 where that is not known any more
   */
  async *changesAfter(version: string, signal: AbortSignal) {
    const seconds = Math.round(LIFE * (1 + Math.random()))
    const query = {
      watch: 'true',
      resourceVersion: version,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    }
    const url = this.#url(query)
    const life = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000 + DELAY)])
    const begun = await this.#asking(async (question) => {
      const batches = this.#client.lines(url, question)
      return { batches, first: await batches.next() }
    }, life)
    try {
      for (let { first: batch } = begun; batch.done !== true; batch = await begun.batches.next()) {
        const lines = batch.value.map((line) => parsed(line) as Line)
        const failure = lines.find(({ type }) => type === 'ERROR')
        if (failure !== undefined) {
          const { code = 500, message = '' } = failure.object
          throw new Refused(url, { status: code, headers: {}, body: message })
        }
        const events = lines.filter((line): line is SliceEvent => line.type !== 'BOOKMARK')
        yield { events, version: lines.at(-1)?.object.metadata?.resourceVersion ?? version }
      }
    } finally {
      await begun.batches.return()
    }
  }

  /** Asks again with new credentials where the API does not know these: tokens are renewed. */
  async #asking<Answer>(ask: (question: Question) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    try {
      return await ask({ signal, options: await this.#credentials.options() })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (error.status !== 401) throw this.#explained(error)
    }
    await this.#credentials.renew()
    try {
      return await ask({ signal, options: await this.#credentials.options() })
    } catch (error) {
      throw error instanceof Refused ? this.#explained(error) : error
    }
  }

  #explained(error: Refused): Error {
    const namespace = this.#source.namespace ?? this.#credentials.namespace
    switch (error.status) {
      case 401:
        return new Error(`${error.message} (the credentials are not valid, or no longer)`)
      case 403:
        return new Error(
          `${error.message} (a Role in the namespace ${namespace} must allow list and watch of endpointslices in discovery.k8s.io)`,
        )
      case 404:
        return new Error(`${error.message} (EndpointSlices need Kubernetes 1.21 or later)`)
      default:
        return error
    }
  }

  #url(query: Readonly<Record<string, string | undefined>>): URL {
    const namespace = this.#source.namespace ?? this.#credentials.namespace
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    return urlBelow(this.#credentials.server, path, {
      labelSelector: `kubernetes.io/service-name=${this.#source.service}`,
      ...query,
    })
  }
}

function parsed(json: string): object {
  try {
    const value: unknown = JSON.parse(json)
    if (value !== null && typeof value === 'object') return value
  } catch {}
  throw new Error('its answer is no object in JSON: is this the API of Kubernetes?')
}
