import { endpointOf, formatAddress } from './address.ts'
import type { Listener } from './listener.ts'

/** Whether a listener is known by that: its name, its port, or its address. */
export function isNamed(listener: Listener, name: string | number): boolean {
  const text = String(name)
  if (listener.name === text || formatAddress(endpointOf(listener)) === text) return true
  return 'port' in listener && listener.port !== 0 && String(listener.port) === text
}

/** Those names of listeners that none has. */
export function unknownListeners(
  names: readonly (string | number)[],
  listeners: readonly Listener[],
): (string | number)[] {
  return names.filter((name) => !listeners.some((listener) => isNamed(listener, name)))
}
