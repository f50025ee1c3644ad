import { useEffect, useRef } from 'preact/hooks'

/** Lets an element light up for a moment whenever the value changes; not at first. */
export function usePulse<Element extends HTMLElement>(value: unknown) {
  const element = useRef<Element>(null)
  const before = useRef(value)
  useEffect(() => {
    if (Object.is(before.current, value)) return
    before.current = value
    const { current } = element
    if (current === null) return
    current.classList.remove('pulse')
    // Reading its size lets the animation begin again.
    current.offsetWidth
    current.classList.add('pulse')
  }, [value])
  return element
}
