"""Export of Nsight Systems -> Trace."""
