/** The `run` command starts its syncs as processes of their own and lends them its lock by this variable. */
export const lenderVariable = 'LINKED_EVENTS_LOCK_OF'
