import { availableParallelism } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../config/error.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { MAX_WORKERS } from '../runtime/bounds.ts'

/** Settings that are the process's own from its start to its end, by their keys: what each comes to. */
const fixedSettings: Readonly<Record<string, (config: Config) => unknown>> = {
  listeners: ({ listeners }) => listeners,
  workers: workersOf,
  instance: instanceOf,
  stateDirectory: ({ stateDirectory }) => stateDirectory,
  admin: adminOf,
  'accessLog.file': ({ accessLog }) => accessLog.file,
}

/** How many workers there are to be. */
export function workersOf({ workers }: Config): number {
  return workers ?? Math.min(availableParallelism(), MAX_WORKERS)
}

/** Where the admin API is to answer; undefined for nowhere. */
export function adminOf({ admin }: Config) {
  return admin === 'off' ? undefined : admin
}

/** @throws ConfigError where the next configuration changes what only a restart can */
export function assertSameFixedSettings(current: Config, next: Config): void {
  const changed = Object.entries(fixedSettings).filter(([, of]) => !isDeepStrictEqual(of(current), of(next)))
  if (changed.length === 0) return
  const message = 'expected what it was when Limpet started, found a change'
  const hint = 'restart Limpet to apply it, or take it back'
  throw new ConfigError(changed.map(([path]) => ({ where: '', path, message, hint })))
}
