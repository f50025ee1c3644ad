import type { KubernetesSource } from '../config/sources/kubernetes.ts'
import { Allowance } from './allowance.ts'
import { drainsAtOnce } from './drains-at-once.ts'
import { eachDifferent } from './each-different.ts'
import { HttpClient, Refused } from './http-client.ts'
import { credentialsFor, type Surroundings } from './kubernetes/kubernetes-credentials.ts'
import { EndpointSlices } from './kubernetes/kubernetes-slices.ts'
import { KubernetesWatch } from './kubernetes/kubernetes-watch.ts'
import { isSameList } from './list-changes.ts'
import type { Provider, ServerList } from './provider.ts'

/** Watches that may begin without a pause in between, and how long it takes until one more may, in ms. */
const BURST = 5
const ONE_MORE = 1000

/**
 * The endpoints of a Service, from its EndpointSlices: https://kubernetes.io/docs/reference/using-api/api-concepts/ says how a list
 * and the watches after it are kept without a gap.
 */
export function kubernetesProvider(source: KubernetesSource, surroundings?: Surroundings): Provider {
  return {
    name: nameOf(source),
    watch: (signal) => eachDifferent(drainsAtOnce(lists(source, signal, surroundings)), isSameList, signal),
  }
}

function nameOf({ service, namespace, context }: KubernetesSource): string {
  const place = namespace === undefined ? service : `${namespace}/${service}`
  return context === undefined ? `kubernetes ${place}` : `kubernetes ${place} in ${context}`
}

async function* lists(
  source: KubernetesSource,
  signal: AbortSignal,
  surroundings?: Surroundings,
): AsyncGenerator<ServerList, void> {
  const credentials = await credentialsFor(source, surroundings)
  const client = new HttpClient()
  try {
    for await (const slices of states(source, new KubernetesWatch(client, credentials, source), signal))
      yield slices.servers()
  } finally {
    credentials.close()
    client.close()
  }
}

/** The slices of the Service, again after each change. */
async function* states(
  source: KubernetesSource,
  api: KubernetesWatch,
  signal: AbortSignal,
): AsyncGenerator<EndpointSlices> {
  const slices = new EndpointSlices(source)
  const watches = new Allowance(BURST, ONE_MORE)
  let version: string | undefined
  for (;;) {
    await watches.take(signal)
    if (version === undefined) {
      const all = await api.all(signal)
      slices.replace(all.slices)
      version = all.version
      yield slices
    }
    try {
      for await (const changes of api.changesAfter(version, signal)) {
        version = changes.version
        slices.apply(changes.events)
        if (changes.events.length > 0) yield slices
      }
      // The API ends each watch after some minutes: the next one goes on where it was.
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Refused && error.status !== 410) throw error
      // The connection was lost, or the API no longer knows what happened since: a list has the current state.
      version = undefined
    }
  }
}
