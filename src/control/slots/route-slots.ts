import { MAX_ROUTES } from '../../runtime/bounds.ts'
import { isCredential } from '../../runtime/credential-header.ts'
import type { Route } from '../../runtime/snapshot.ts'

/**
 * Which route is counted where. A route that says the same has the same place for as long as the process runs, also after it was
 * removed and has come back. Once all places are taken, further routes are counted together, in place 0.
 */
export class RouteSlots {
  readonly #slots = new Map<string, number>()

  /** The labels of all routes that have a place of their own, and their places. */
  get labels(): Iterable<readonly [label: string, slot: number]> {
    return this.#slots
  }

  /** The routes with the places that they have, and free ones for new routes: those they keep once they are adopted. */
  plan<Each extends Route>(routes: readonly Each[]): readonly Each[] {
    let next = this.#slots.size + 1
    const planned = new Map<string, number>()
    return routes.map((route) => {
      const label = labelOf(route)
      const known = this.#slots.get(label) ?? planned.get(label)
      if (known !== undefined) return { ...route, slot: known }
      if (next >= MAX_ROUTES) return route
      planned.set(label, next)
      return { ...route, slot: next++ }
    })
  }

  adopt(routes: readonly Route[]): void {
    for (const route of routes) if (route.slot !== undefined) this.#slots.set(labelOf(route), route.slot)
  }
}

/** A route in one line: `GET,HEAD example.org/shop/*`. Routes that differ in what may be secret alone are counted together. */
export function labelOf(route: Route): string {
  const { host, path, methods, headers, query, cookies, listeners, clientCertificate, priority } = route
  const fields = Object.entries(headers ?? {}).map(([name, value]) => ` ${name}: ${isCredential(name) ? '***' : value}`)
  const others = [
    ...Object.keys(query ?? {}).map((name) => `?${name}`),
    ...Object.keys(cookies ?? {}).map((name) => `cookie ${name}`),
    ...(listeners === undefined ? [] : [`by ${listeners.join()}`]),
    ...(clientCertificate === undefined ? [] : [certificateLabel(clientCertificate)]),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
  ]
  const end = others.map((each) => ` ${each}`).join('')
  return `${methods === undefined ? '' : `${methods.join()} `}${host ?? ''}${path}${fields.join()}${end}`
}

function certificateLabel(required: NonNullable<Route['clientCertificate']>): string {
  if (typeof required === 'boolean') return required ? 'certificate' : 'no certificate'
  return Object.entries(required)
    .map(([field, value]) => `certificate ${field} ${value}`)
    .join(' ')
}
