import { endpointOf, formatAddress } from './address.ts'
import { shown } from './error.ts'
import type { Listener } from './listener.ts'
import { repeats, type Valid } from './valid-part.ts'
import type { Issue } from './validate.ts'

/** What contradicts itself among the listeners of a file. */
export function listenerContradictions(listeners: readonly Valid<Listener>[]): Issue[] {
  return [...repeatedListeners(listeners), ...repeatedListenerNames(listeners), ...ticketKeysOfOthers(listeners)]
}

function repeatedListeners(listeners: readonly Valid<Listener>[]): Issue[] {
  const fixed = listeners.filter(({ part }) => 'path' in part || part.port !== 0)
  return repeats(fixed, (listener) => formatAddress(endpointOf(listener))).map(([address, first, again]) => ({
    path: ['listeners', again],
    message: `expected a unique address and port, found ${address} again`,
    see: ['listeners', first],
  }))
}

function repeatedListenerNames(listeners: readonly Valid<Listener>[]): Issue[] {
  const named = listeners.filter(({ part }) => part.name !== undefined)
  return repeats(named, ({ name = '' }) => name).map(([name, first, again]) => ({
    path: ['listeners', again, 'name'],
    message: `expected a unique name, found ${JSON.stringify(name)} again`,
    see: ['listeners', first, 'name'],
  }))
}

/** All workers have one key, so that a session can be resumed at any listener that offers the same certificate. */
function ticketKeysOfOthers(listeners: readonly Valid<Listener>[]): Issue[] {
  const keys = listeners.flatMap(({ index, part: { tls } }) =>
    tls?.ticketKeys === undefined ? [] : [{ path: ['listeners', index, 'tls', 'ticketKeys'], file: tls.ticketKeys }],
  )
  const [first, ...others] = keys
  return others.flatMap(({ path, file }) => {
    if (first === undefined || file === first.file) return []
    const message = `expected the file of the other listeners, ${shown(first.file)}, found ${shown(file)}`
    return [{ path, message, see: first.path }]
  })
}
