import type { Directive } from './directive.ts'

/** nginx takes those of a location in place of all others of the same name. */
const inheritedTogether = ['add_header', 'proxy_hide_header', 'proxy_pass_header', 'proxy_set_header']

/** Of all directives, those that a location which has some of these itself must repeat. */
export function repeatable(directives: readonly Directive[]): Directive[] {
  return directives.filter(({ name }) => inheritedTogether.includes(name))
}

/**
 * The directives, and before them what nginx would no longer inherit, there and in their blocks.
 *
 * @param inherited what is repeatable around them
 */
export function withInherited(own: readonly Directive[], inherited: readonly Directive[]): Directive[] {
  const nested = own.map((each) =>
    each.block === undefined ? each : { ...each, block: withInherited(each.block, inherited) },
  )
  const hidden = own.filter(({ name }) => name === 'proxy_hide_header').map(headerOf)
  const hides = (each: Directive) => each.name === 'proxy_pass_header' && hidden.includes(headerOf(each))
  const names = new Set(own.map(({ name }) => name))
  // A header that is passed on around them is not hidden by proxy_hide_header.
  if (inherited.some(hides)) names.add('proxy_pass_header')
  const repeated = inherited.filter(
    (one) =>
      names.has(one.name) &&
      !hides(one) &&
      !own.some((each) => each.name === one.name && headerOf(each) === headerOf(one)),
  )
  return [...repeated, ...nested]
}

function headerOf({ args: [name] }: Directive): string | undefined {
  return name?.toLowerCase()
}
