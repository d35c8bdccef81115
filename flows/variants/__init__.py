"""A champion's weights in fewer bits: compared with what people approved before they serve."""
