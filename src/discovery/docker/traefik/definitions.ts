import type { Container } from '../container.ts'
import type { Label, LabelMistakes } from '../label-mistakes.ts'
import type { Fields } from './fields.ts'
import { type ContainerLabels, type Section, sections } from './labels.ts'

/** A router, service or middleware. Several containers may define it: the newest counts. */
export interface Definition {
  readonly name: string
  readonly container: Container
  readonly fields: Fields
}

export type Definitions = Readonly<Record<Section, ReadonlyMap<string, Definition>>>

/** Each name has one definition: that of the newest container. Where others differ, this is reported, since they are about to be replaced. */
export function definitionsOf(newestFirst: readonly ContainerLabels[], mistakes: LabelMistakes): Definitions {
  const found = { routers: new Map(), services: new Map(), middlewares: new Map() }
  for (const labels of newestFirst) {
    for (const section of sections) {
      for (const [name, fields] of labels[section]) {
        const first: Definition | undefined = found[section].get(name)
        if (first === undefined) found[section].set(name, { name, container: labels.container, fields })
        else sayDifference(first, fields, mistakes)
      }
    }
  }
  return found
}

function sayDifference(newest: Definition, older: Fields, mistakes: LabelMistakes): void {
  const different = firstDifference(older, newest.fields) ?? firstDifference(newest.fields, older)
  const [any] = older.values()
  if (different === undefined || any === undefined) return
  mistakes.add(
    { container: any.container, label: different.label },
    `is not as in container ${newest.container.name}, which is newer and counts`,
    'give both containers the same labels, or their routers and services different names',
  )
}

function firstDifference(some: Fields, others: Fields): Label | undefined {
  if (some === others) return undefined
  for (const [key, label] of some) if (others.get(key)?.value !== label.value && !isOfServer(label)) return label
  return undefined
}

/** Whether it is about this one server, so that each container may say something else. */
function isOfServer({ label }: Label): boolean {
  return /\.loadbalancer\.(?:server\.(?:port|weight|url)|passivehealthcheck\.\w+)$/i.test(label)
}
