import type { z } from 'zod'
import { asList } from './as-written.ts'

/** A part that is valid itself, and its index in its list. */
export interface Valid<Part> {
  readonly index: number
  readonly part: Part
}

export function validOf<Schema extends z.ZodType>(schema: Schema, list: unknown): Valid<z.output<Schema>>[] {
  return asList(list).flatMap((written, index) => {
    const result = schema.safeParse(written)
    return result.success ? [{ index, part: result.data }] : []
  })
}

/** The parts whose key occurred before: the key, the index of its first part, and their own index. */
export function repeats<Part>(
  parts: readonly Valid<Part>[],
  keyOf: (part: Part) => string,
): [string, number, number][] {
  const firsts = new Map<string, number>()
  return parts.flatMap(({ index, part }): [string, number, number][] => {
    const key = keyOf(part)
    const first = firsts.get(key)
    if (first !== undefined) return [[key, first, index]]
    firsts.set(key, index)
    return []
  })
}
