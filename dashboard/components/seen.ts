/** How far beyond the edges of the screen something counts as seen, so that it is there before it is. */
const MARGIN = '400px 0px'

const watched = new WeakMap<Element, (isSeen: boolean) => void>()
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) watched.get(target)?.(isIntersecting)
  },
  { rootMargin: MARGIN },
)

/** Reports whether an element can be seen: now, and whenever that changes, until the function that it returns is called. */
export function whileSeen(element: Element, report: (isSeen: boolean) => void): () => void {
  watched.set(element, report)
  observer.observe(element)
  return () => {
    observer.unobserve(element)
    watched.delete(element)
  }
}
