import type { EtcdSource } from '../config/sources/etcd.ts'
import { Allowance } from './allowance.ts'
import { eachDifferent } from './each-different.ts'
import { EtcdKeys } from './etcd/etcd-keys.ts'
import { Compacted, EtcdMember, Unreadable } from './etcd/etcd-member.ts'
import { HttpClient } from './http-client.ts'
import { isSameList } from './list-changes.ts'
import type { Mistake, Provider, ServerList } from './provider.ts'

/** How often a member is asked whether it still knows the truth, in ms: a watch of a member that is cut off says nothing. */
const LOOK = 30_000
/** Watches that may begin without a pause in between, and how long it takes until one more may, in ms. */
const BURST = 5
const ONE_MORE = 1000

/**
 * The keys below a prefix in etcd, by its JSON gateway (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): all of them at one
 * revision, and each change after it.
 */
export function etcdProvider(source: EtcdSource, look = LOOK): Provider {
  return {
    name: `etcd ${source.prefix} at ${source.endpoints.join(', ')}`,
    watch: (signal) => eachDifferent(lists(source, look, signal), isSameList, signal),
  }
}

async function* lists(source: EtcdSource, look: number, signal: AbortSignal): AsyncGenerator<ServerList, void> {
  const client = new HttpClient(source.tls)
  try {
    for await (const keys of states(source, client, look, signal)) yield keys.list()
  } finally {
    client.close()
  }
}

/** The keys, again after each change. */
async function* states(source: EtcdSource, client: HttpClient, look: number, signal: AbortSignal) {
  const watches = new Allowance(BURST, ONE_MORE)
  const keys = new EtcdKeys(source.prefix)
  let member = await firstThatAnswers(source, client, keys, signal)
  for (;;) {
    yield keys
    // Something between here and etcd may end every watch at once.
    await watches.take(signal)
    try {
      for await (const state of member.changesAfter(keys.revision, look, signal)) {
        keys.apply(state)
        yield keys
      }
    } catch (error) {
      signal.throwIfAborted()
      // The member ended, or no longer knows what happened since: another one, or this one again, has the current keys.
      member = await firstThatAnswers(source, client, keys, signal, error)
      if (error instanceof Unreadable) keys.unreadable = misread(error)
    }
  }
}

function misread({ message }: Unreadable): Mistake {
  return { where: 'watch of etcd', message, hint: 'all keys are read again instead, at most once a second' }
}

/**
 * The first member that gives all keys.
 *
 * @param lost why they are asked for again
 * @throws Error with what each member said, where none does
 */
async function firstThatAnswers(
  source: EtcdSource,
  client: HttpClient,
  keys: EtcdKeys,
  signal: AbortSignal,
  lost?: unknown,
): Promise<EtcdMember> {
  const failures: string[] = []
  for (const endpoint of source.endpoints) {
    const member = new EtcdMember(endpoint, source, client)
    try {
      keys.replace(await member.all(signal))
      return member
    } catch (error) {
      signal.throwIfAborted()
      failures.push((error as Error).message)
    }
  }
  const isNew = lost instanceof Error && !(lost instanceof Compacted) && !failures.includes(lost.message)
  throw new Error([...(isNew ? [lost.message] : []), ...failures].join('; '))
}
