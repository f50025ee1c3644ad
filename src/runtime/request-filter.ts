/** Which requests somebody wants to see. What is absent is not asked for. */
export interface RequestFilter {
  readonly method?: string | undefined
  /** A part of the target as it is shown. */
  readonly path?: string | undefined
  /** `404`, or a class: `5xx`. */
  readonly status?: string | undefined
  readonly upstream?: string | undefined
  /** That of the last attempt. */
  readonly server?: string | undefined
  /** A reason, or what comes before its colon: `moved`. */
  readonly reason?: string | undefined
}
