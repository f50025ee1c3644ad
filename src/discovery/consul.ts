import type { ConsulSource } from '../config/sources/consul.ts'
import { MAX_SERVERS } from '../runtime/bounds.ts'
import { Allowance } from './allowance.ts'
import { type ConsulEntry, consulServers } from './consul/consul-servers.ts'
import { drainsAtOnce } from './drains-at-once.ts'
import { eachDifferent } from './each-different.ts'
import { type Answer, HttpClient, Refused, urlBelow } from './http-client.ts'
import { isSameList } from './list-changes.ts'
import type { Provider, ServerList } from './provider.ts'
import { secretIn } from './source-file.ts'

/** Questions that may be asked without a pause in between, and how long it takes until one more may, in ms. */
const BURST = 10
const ONE_MORE = 500
/** What an answer may take longer than Consul may wait: a sixteenth (its own jitter), and the way, in ms. */
const DELAY = 10_000

/**
 * The instances of a service in Consul, by blocking queries: https://developer.hashicorp.com/consul/api-docs/features/blocking.
 * All instances are asked for, not only those that pass, since an instance in maintenance would be missing there.
 */
export function consulProvider(source: ConsulSource): Provider {
  return {
    name: `consul ${source.service} at ${source.url}`,
    watch: (signal) => eachDifferent(drainsAtOnce(lists(source, signal)), isSameList, signal),
  }
}

/** The list of each answer; some are the same, since the index also moves on where something else has changed. */
async function* lists(source: ConsulSource, signal: AbortSignal): AsyncGenerator<ServerList, void> {
  const client = new HttpClient(source.tls)
  const questions = new Allowance(BURST, ONE_MORE)
  let index = 0
  try {
    while (!signal.aborted) {
      await questions.take(signal)
      const answer = await ask(client, source, index, signal)
      index = nextIndex(index, answer)
      yield listOf(source, answer)
    }
  } finally {
    client.close()
  }
}

async function ask(client: HttpClient, source: ConsulSource, index: number, signal: AbortSignal): Promise<Answer> {
  const { service, url: base, tags, datacenter, namespace, partition, wait } = source
  const token = source.tokenFile === undefined ? source.token : secretIn(source.tokenFile)
  const url = urlBelow(base, `/v1/health/service/${encodeURIComponent(service)}`, {
    tag: tags,
    dc: datacenter,
    ns: namespace,
    partition,
    ...(index > 0 && { index: String(index), wait: `${Math.max(1, Math.round(wait / 1000))}s` }),
  })
  const patience = index > 0 ? wait + wait / 16 + DELAY : DELAY
  try {
    return await client.ask(url, { signal, patience, headers: token === undefined ? {} : { 'X-Consul-Token': token } })
  } catch (error) {
    if (error instanceof Refused && (error.status === 403 || error.status === 401))
      throw new Error(`${error.message} (${permissions(source)})`)
    throw error
  }
}

/**
 * The index for the next question. One that goes back, or is none, means that Consul has restarted its count: then the answer must
 * not be waited for.
 */
function nextIndex(index: number, { headers }: Answer): number {
  const next = Number(headers['x-consul-index'])
  if (!Number.isSafeInteger(next) || next < 0) throw new Error('its answer has no X-Consul-Index: is this Consul?')
  if (next < index) return 0
  // 0 would be answered at once, again and again.
  return Math.max(next, 1)
}

/** @throws Error where the answer cannot be relied upon */
function listOf(source: ConsulSource, { headers, body }: Answer): ServerList {
  if (headers['x-consul-knownleader'] === 'false')
    throw new Error('Consul has no leader at the moment, so its answer may be old')
  const entries = entriesIn(body)
  // Consul leaves out what a token may not see: an empty list does not mean then that there are no servers.
  if (headers['x-consul-results-filtered-by-acls'] === 'true')
    throw new Error(`Consul hides instances of ${source.service} from this token (${permissions(source)})`)
  if (entries.length > MAX_SERVERS) throw new Error(`${entries.length} instances, but there is room for ${MAX_SERVERS}`)
  return consulServers(entries, source.checks)
}

function entriesIn(body: string): readonly ConsulEntry[] {
  let entries: unknown
  try {
    entries = JSON.parse(body)
  } catch {}
  if (Array.isArray(entries)) return entries
  throw new Error('its answer is no list of instances in JSON: is this Consul?')
}

function permissions({ service, token, tokenFile }: ConsulSource): string {
  const whose = token === undefined && tokenFile === undefined ? 'set a token that has' : 'the token needs'
  return `${whose} service:read of ${service}, and node:read of its nodes`
}
