"""Hold the shared clients of the planes: whom a credential stands for, what a workspace defines.

Every service and the gateway need both, so they stand above kit, which names no plane.
"""
